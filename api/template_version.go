package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/store"
)

const restoreDescription = "Writes a new version with the content of an old one. " +
	"A deleted template exists again afterwards, with its owner, and its versions continue. " +
	"The version of the deletion has the content that was deleted."

// versionSummaryView is a version of a template in a list.
type versionSummaryView struct {
	Version   int       `json:"version"`
	CreatedBy string    `json:"createdBy" doc:"the app that wrote it, or deleted the template"`
	CreatedAt time.Time `json:"createdAt"`
	Deleted   bool      `json:"deleted" doc:"true when this is the deletion of the template"`
}

// templateVersionView is a version of a template with its content.
type templateVersionView struct {
	Name          string            `json:"name"`
	Version       int               `json:"version"`
	Channel       string            `json:"channel"`
	Description   string            `json:"description"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	MsgType       string            `json:"msgType"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty" doc:"by provider; left out when there are none"`
	Locale        string            `json:"locale,omitempty" doc:"the language of subject, body and codes; left out when none is named"`
	Texts         templateTexts     `json:"texts,omitempty" doc:"the same in other languages, by locale; left out when there are none"`
	Owner         string            `json:"owner" doc:"the app that could change it"`
	Private       bool              `json:"private" doc:"only the owner and administrators could read and send it"`
	CreatedBy     string            `json:"createdBy" doc:"the app that wrote it, or deleted the template"`
	CreatedAt     time.Time         `json:"createdAt"`
	Deleted       bool              `json:"deleted" doc:"true when this is the deletion of the template: it is as it was"`
}

type listVersionsInput struct {
	Name  string `path:"name" doc:"name of the template, which may be deleted"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many versions"`
	After int    `query:"after" minimum:"1" doc:"continue after this version: next of the previous page"`
}

type versionListView struct {
	Versions []versionSummaryView `json:"versions"`
	Next     int                  `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listVersions(ctx context.Context, in *listVersionsInput) (*listOutput, error) {
	if _, err := s.newestVersion(ctx, in.Name); err != nil {
		return nil, err
	}
	return answerList(ctx, s, list[store.TemplateVersion]{
		head: versionListView{Versions: []versionSummaryView{}}, page: templatePage, limit: in.Limit,
		read: func(ctx context.Context, last *store.TemplateVersion, limit int) ([]store.TemplateVersion, error) {
			before := in.After
			if last != nil {
				before = last.Version
			}
			return s.store.TemplateVersions(ctx, in.Name, before, limit)
		},
		view: func(_ context.Context, v store.TemplateVersion) any {
			return versionSummaryView{v.Version, v.CreatedBy, v.CreatedAt.UTC(), v.Deleted}
		},
		next: func(v store.TemplateVersion) any { return v.Version },
	})
}

type getVersionInput struct {
	Name    string `path:"name" doc:"name of the template, which may be deleted"`
	Version int    `path:"version" minimum:"1" doc:"number of the version"`
}

type versionOutput struct{ Body templateVersionView }

func (s *Server) getVersion(ctx context.Context, in *getVersionInput) (*versionOutput, error) {
	v, err := s.versionOf(ctx, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	return &versionOutput{templateVersionView{
		Name: v.Name, Version: v.Version, Channel: v.Channel, Description: v.Description, Subject: v.Subject, Body: v.Body,
		MsgType: v.MsgType, TemplateCode: v.TemplateCode, TemplateCodes: v.TemplateCodes,
		Locale: v.Locale, Texts: viewTexts(v.Texts), Owner: v.Owner, Private: v.Private,
		CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt.UTC(), Deleted: v.Deleted,
	}}, nil
}

// versionOf returns a version of a template, or errNotFound when it was private, for others.
func (s *Server) versionOf(ctx context.Context, name string, version int) (store.TemplateVersion, error) {
	newest, err := s.newestVersion(ctx, name)
	if err != nil {
		return store.TemplateVersion{}, err
	}
	v, err := s.store.TemplateVersion(ctx, name, version)
	if err == nil && v.Private && !callerOf(ctx).owns(newest.Owner) { // it was private then
		err = errNotFound
	}
	if err != nil {
		return store.TemplateVersion{}, err
	}
	return v, nil
}

// restoreRequest is the body of a request to restore a version.
type restoreRequest struct {
	Version int `json:"version" minimum:"1" maximum:"2147483647" example:"3"`
}

type restoreInput struct {
	Name string `path:"name" doc:"name of the template, which may be deleted"`
	jsonBody[restoreRequest]
}

func (s *Server) restoreTemplate(ctx context.Context, in *restoreInput) (*templateOutput, error) {
	newest, err := s.newestVersion(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(ctx, store.AuditTemplateRestore, newest.Name, newest.Owner); err != nil {
		return nil, err
	}
	v, err := s.store.TemplateVersion(ctx, in.Name, in.body.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fieldProblem(http.StatusNotFound, codeNotFound, "version", fmt.Sprintf("this template has no version %d", in.body.Version))
	}
	if err != nil {
		return nil, err
	}
	if v.Channel != newest.Channel && !newest.Deleted { // it was deleted, and created again for another channel
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "version",
			fmt.Sprintf("belongs to channel %s, and the template's channel cannot be changed", v.Channel))
	}
	t := v.Template()
	t.Version, t.Owner = 0, newest.Owner // the store counts the version up
	t.CreatedAt = store.Now()
	t.UpdatedAt = t.CreatedAt
	if err := s.rules.CheckTemplate(ctx, callerOf(ctx).AppID, t); err != nil {
		return nil, err
	}
	audit := actorOf(ctx).Did(store.AuditTemplateRestore, t.Name)
	audit.Detail = fmt.Sprintf("like version %d", v.Version)
	if newest.Deleted {
		t, err = s.store.CreateTemplate(ctx, t, newest.Owner, audit)
	} else {
		t, err = s.store.UpdateTemplate(ctx, t, newest.Owner, 0, audit)
	}
	if err != nil {
		return nil, existsProblem(err)
	}
	return &templateOutput{viewTemplate(t)}, nil
}
