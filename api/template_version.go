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
	"A deleted template exists again afterwards, and its versions continue."

// versionSummaryView is a version of a template in a list.
type versionSummaryView struct {
	Version   int       `json:"version"`
	CreatedBy string    `json:"createdBy" doc:"the app that wrote it"`
	CreatedAt time.Time `json:"createdAt"`
}

// templateVersionView is a version of a template with its content.
type templateVersionView struct {
	Name         string    `json:"name"`
	Version      int       `json:"version"`
	Channel      string    `json:"channel"`
	Description  string    `json:"description"`
	Subject      string    `json:"subject"`
	Body         string    `json:"body"`
	MsgType      string    `json:"msgType"`
	TemplateCode string    `json:"templateCode"`
	CreatedBy    string    `json:"createdBy" doc:"the app that wrote it"`
	CreatedAt    time.Time `json:"createdAt"`
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
	return answerList(ctx, s, list[store.TemplateVersion]{
		head: versionListView{Versions: []versionSummaryView{}}, page: templatePage, limit: in.Limit,
		read: func(ctx context.Context, last *store.TemplateVersion, limit int) ([]store.TemplateVersion, error) {
			before := in.After
			if last != nil {
				before = last.Version
			}
			rows, err := s.store.TemplateVersions(ctx, in.Name, before, limit)
			if err == nil && len(rows) == 0 && before == 0 {
				err = errNotFound
			}
			return rows, err
		},
		view: func(v store.TemplateVersion) any {
			return versionSummaryView{v.Version, v.CreatedBy, v.CreatedAt.UTC()}
		},
		next: func(v store.TemplateVersion) any { return v.Version },
	})
}

type getVersionInput struct {
	Name    string `path:"name" doc:"name of the template, which may be deleted"`
	Version int    `path:"version" minimum:"1"`
}

type versionOutput struct{ Body templateVersionView }

func (s *Server) getVersion(ctx context.Context, in *getVersionInput) (*versionOutput, error) {
	v, err := s.store.TemplateVersion(ctx, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	return &versionOutput{templateVersionView{
		Name: v.Name, Version: v.Version, Channel: v.Channel, Description: v.Description, Subject: v.Subject, Body: v.Body,
		MsgType: v.MsgType, TemplateCode: v.TemplateCode, CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt.UTC(),
	}}, nil
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
	v, err := s.store.TemplateVersion(ctx, in.Name, in.body.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fieldProblem(http.StatusNotFound, codeNotFound, "version", fmt.Sprintf("this template has no version %d", in.body.Version))
	}
	if err != nil {
		return nil, err
	}
	t := store.Template{
		Name: v.Name, Channel: v.Channel, Description: v.Description, MsgType: v.MsgType,
		Subject: v.Subject, Body: v.Body, TemplateCode: v.TemplateCode, CreatedAt: store.Now(),
	}
	t.UpdatedAt = t.CreatedAt
	if err := s.rules.CheckTemplate(ctx, callerOf(ctx).AppID, t); err != nil {
		return nil, err
	}
	write := s.store.UpdateTemplate
	switch current, err := s.store.Template(ctx, in.Name); {
	case errors.Is(err, store.ErrNotFound):
		write = s.store.CreateTemplate
	case err != nil:
		return nil, err
	case current.Channel != t.Channel: // it was deleted, and created again for another channel
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "version",
			fmt.Sprintf("belongs to channel %s, and the template's channel cannot be changed", t.Channel))
	}
	if t, err = write(ctx, t, callerOf(ctx).AppID); err != nil {
		return nil, existsProblem(err)
	}
	return &templateOutput{viewTemplate(t)}, nil
}
