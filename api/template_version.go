package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/store"
)

const restoreDescription = "Writes a new version that is equal to the given one. " +
	"A template that was deleted is there again afterwards, and goes on counting."

// versionSummaryView is a version in a list.
type versionSummaryView struct {
	Version   int       `json:"version"`
	CreatedBy string    `json:"createdBy" doc:"the app that wrote it; empty in templates from before versions were kept"`
	CreatedAt time.Time `json:"createdAt"`
}

// templateVersionView is a version as a whole.
type templateVersionView struct {
	Name         string    `json:"name"`
	Version      int       `json:"version"`
	Channel      string    `json:"channel"`
	Description  string    `json:"description"`
	Subject      string    `json:"subject"`
	Body         string    `json:"body"`
	MsgType      string    `json:"msgType"`
	TemplateCode string    `json:"templateCode"`
	CreatedBy    string    `json:"createdBy" doc:"the app that wrote it; empty in templates from before versions were kept"`
	CreatedAt    time.Time `json:"createdAt"`
}

type listVersionsInput struct {
	Name  string `path:"name" doc:"name of the template, which may be deleted"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"most versions in the answer"`
	After int    `query:"after" minimum:"1" doc:"start after this version: next of the page before"`
}

type listVersionsOutput struct{ Body versionListView }

type versionListView struct {
	Versions []versionSummaryView `json:"versions"`
	Next     int                  `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listVersions(ctx context.Context, in *listVersionsInput) (*listVersionsOutput, error) {
	rows, err := s.store.TemplateVersions(ctx, in.Name, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && in.After == 0 {
		return nil, errNotFound
	}
	out := &listVersionsOutput{versionListView{Versions: []versionSummaryView{}}}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = rows[in.Limit-1].Version
	}
	for _, v := range rows {
		out.Body.Versions = append(out.Body.Versions, versionSummaryView{v.Version, v.CreatedBy, v.CreatedAt.UTC()})
	}
	return out, nil
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
		return nil, fieldProblem(http.StatusNotFound, codeNotFound, "version", fmt.Sprintf("there is no version %d of this template", in.body.Version))
	}
	if err != nil {
		return nil, err
	}
	t := store.Template{
		Name: v.Name, Channel: v.Channel, Description: v.Description, MsgType: v.MsgType,
		Subject: v.Subject, Body: v.Body, TemplateCode: v.TemplateCode, CreatedAt: store.Now(),
	}
	t.UpdatedAt = t.CreatedAt
	if err := s.rules.CheckTemplate(t); err != nil {
		return nil, err
	}
	write := s.store.UpdateTemplate
	switch current, err := s.store.Template(ctx, in.Name); {
	case errors.Is(err, store.ErrNotFound):
		write = s.store.CreateTemplate
	case err != nil:
		return nil, err
	case current.Channel != t.Channel: // it was deleted and created for another one
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "version",
			fmt.Sprintf("belongs to channel %s, and the template's channel cannot be changed", t.Channel))
	}
	if t, err = write(ctx, t, callerOf(ctx).AppID); err != nil {
		return nil, templateExists(err)
	}
	return &templateOutput{viewTemplate(t)}, nil
}
