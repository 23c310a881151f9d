package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

const (
	apiPrefix     = "/api/v1"
	riverUIPrefix = "/riverui"
)

// routes registers every operation of the API.
func (s *Server) routes(api huma.API) {
	s.notificationRoutes(api)
	s.deliveryRoutes(api)
	s.channelRoutes(api)
	s.alertRoutes(api)
	s.templateRoutes(api)
	s.kindRoutes(api)
	s.peopleRoutes(api)
	s.contactRoutes(api)
	s.endpointRoutes(api)
	s.appRoutes(api)
	s.healthRoutes(api)
	describeRecipientTypes(api, s.recipientTypes)
}

func (s *Server) notificationRoutes(api huma.API) {
	const notifications = apiPrefix + "/notifications"
	addRoute(s, api, route{
		method: http.MethodPost, path: notifications, id: "sendNotification", role: RoleSend, repeats: true,
		summary: "Send a notification", description: sendDescription, status: http.StatusAccepted,
		errors: []int{400, 409, 413, 415, 422},
	}, s.sendNotification)
	addRoute(s, api, route{
		method: http.MethodGet, path: notifications + "/{id}", id: "getNotification", role: RoleSend,
		summary: "Read a notification with its deliveries", description: readDescription, answer: notificationView{}, errors: []int{400, 404},
	}, s.getNotification)
	addRoute(s, api, route{
		method: http.MethodGet, path: notifications + "/{id}/deliveries", id: "listDeliveries", role: RoleSend,
		summary: "List a notification's deliveries", answer: deliveryListView{}, errors: []int{400, 404},
	}, s.listDeliveries)
	addRoute(s, api, route{
		method: http.MethodGet, path: notifications, id: "listNotifications", role: RoleSend,
		summary: "List notifications, newest first", description: listDescription,
		strictQuery: true, answer: notificationListView{}, errors: []int{400, 422},
	}, s.listNotifications)
	addRoute(s, api, route{
		method: http.MethodPost, path: notifications + "/{id}/cancel", id: "cancelNotification", role: RoleSend,
		summary: "Cancel the deliveries that were not sent", description: cancelDescription, errors: []int{404},
	}, s.cancelNotification)
	addRoute(s, api, route{
		method: http.MethodPost, path: notifications + "/{id}/ack", id: "acknowledgeNotification", role: RoleSend,
		summary: "Acknowledge a notification", description: acknowledgeDescription, errors: []int{400, 404, 409, 413, 415, 422},
	}, s.acknowledgeNotification)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/incidents", id: "listIncidents", role: RoleSend,
		summary: "List incidents, newest first", strictQuery: true, errors: []int{400, 422},
	}, s.listIncidents)
}

func (s *Server) deliveryRoutes(api huma.API) {
	const deliveries = apiPrefix + "/deliveries"
	addRoute(s, api, route{
		method: http.MethodGet, path: deliveries, id: "findDeliveries", role: RoleSend,
		summary: "List deliveries, newest first", description: listDescription,
		strictQuery: true, answer: deliveryListView{}, errors: []int{400, 422},
	}, s.findDeliveries)
	addRoute(s, api, route{
		method: http.MethodGet, path: deliveries + "/{id}", id: "getDelivery", role: RoleSend,
		summary: "Read a delivery with its message and its attempts", errors: []int{404},
	}, s.getDelivery)
	addRoute(s, api, route{
		method: http.MethodPost, path: deliveries + "/{id}/retry", id: "retryDelivery", role: RoleSend,
		summary: "Send a delivery again, or without further waiting", description: retryDescription, status: http.StatusAccepted,
		errors: []int{400, 404, 409, 413, 415, 422},
	}, s.retryDelivery)
	addRoute(s, api, route{
		method: http.MethodPost, path: deliveries + "/retry", id: "retryDeliveries", role: RoleSend,
		summary: "Send many deliveries again", description: retryManyDescription, status: http.StatusAccepted,
		errors: []int{400, 413, 415, 422},
	}, s.retryDeliveries)
	addRoute(s, api, route{
		method: http.MethodPost, path: apiPrefix + "/erase", id: "erase", role: RoleAdmin,
		summary: "Make a person's addresses and texts unreadable, or a notification's", description: eraseDescription,
		errors: []int{400, 404, 413, 415, 422},
	}, s.erase)
}

func (s *Server) channelRoutes(api huma.API) {
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/channels", id: "listChannels", role: RoleSend,
		summary: "List the channels with their queues", description: channelsDescription,
	}, s.listChannels)
	addRoute(s, api, route{
		method: http.MethodPut, path: apiPrefix + "/providers/{name}/breaker", id: "setBreaker", role: RoleAdmin,
		summary: "Let a provider's deliveries wait, or go on", description: breakerDescription,
		errors: []int{400, 404, 413, 415, 422},
	}, s.setBreaker)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/overview", id: "getOverview", role: RoleSend,
		summary: "Read how the channels stand and what is dead", description: overviewDescription,
		strictQuery: true, errors: []int{400, 422},
	}, s.getOverview)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/providers", id: "listProviders", role: RoleAdmin,
		summary: "List the providers as they are configured", description: providersDescription,
	}, s.listProviders)
	addRoute(s, api, route{
		method: http.MethodPost, path: apiPrefix + "/providers/{name}/probe", id: "probeProvider", role: RoleAdmin,
		summary: "Probe a provider without sending anything", description: probeDescription, errors: []int{404, 422},
	}, s.probeProvider)
}

func (s *Server) alertRoutes(api huma.API) {
	addRoute(s, api, route{
		method: http.MethodPost, path: integrationsPrefix + "/alertmanager", id: "sendAlertmanagerAlerts", role: RoleSend, repeats: true, basic: true,
		summary: "Send the alerts that Alertmanager's webhook posts", description: alertsDescription, status: http.StatusAccepted,
		errors: []int{400, 413, 415, 422},
	}, s.sendAlerts(alertmanager))
	addRoute(s, api, route{
		method: http.MethodPost, path: integrationsPrefix + "/grafana", id: "sendGrafanaAlerts", role: RoleSend, repeats: true, basic: true,
		summary: "Send the alerts that Grafana's webhook contact point posts", description: alertsDescription, status: http.StatusAccepted,
		errors: []int{400, 413, 415, 422},
	}, s.sendAlerts(grafana))
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/receivers", id: "listReceivers", role: RoleSend,
		summary: "List who gets alerts", description: receiversDescription,
	}, s.listReceivers)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/receivers/alerts", id: "listReceiverAlerts", role: RoleSend,
		summary: "List what a receiver was told last", description: receiverAlertsDescription, strictQuery: true, errors: []int{400, 422},
	}, s.receiverAlerts)
	addRoute(s, api, route{
		method: http.MethodPost, path: apiPrefix + "/receivers/test", id: "testReceiver", role: RoleSend,
		summary: "Send a test alert to a receiver", description: receiverTestDescription, status: http.StatusAccepted,
		errors: []int{400, 413, 415, 422},
	}, s.testReceiver)
}

func (s *Server) templateRoutes(api huma.API) {
	const templates = apiPrefix + "/templates"
	addRoute(s, api, route{
		method: http.MethodPost, path: templates, id: "createTemplate", role: RoleTemplates,
		summary: "Create a template", status: http.StatusCreated,
		errors: []int{400, 409, 413, 415, 422},
	}, s.createTemplate)
	addRoute(s, api, route{
		method: http.MethodPost, path: templates + "/check", id: "checkTemplate", role: RoleTemplates,
		summary: "Check a template that is not stored", description: checkDescription,
		errors: []int{400, 413, 415, 422},
	}, s.checkTemplate)
	addRoute(s, api, route{
		method: http.MethodGet, path: templates, id: "listTemplates", role: RoleTemplates,
		summary: "List templates by name", answer: templateListView{}, errors: []int{400},
	}, s.listTemplates)
	addRoute(s, api, route{
		method: http.MethodGet, path: templates + "/{name}", id: "getTemplate", role: RoleTemplates,
		summary: "Read a template", errors: []int{404},
	}, s.getTemplate)
	addRoute(s, api, route{
		method: http.MethodPut, path: templates + "/{name}", id: "replaceTemplate", role: RoleTemplates,
		summary: "Replace a template", description: replaceDescription,
		errors: []int{400, 404, 409, 413, 415, 422},
	}, s.replaceTemplate)
	addRoute(s, api, route{
		method: http.MethodDelete, path: templates + "/{name}", id: "deleteTemplate", role: RoleTemplates,
		summary: "Delete a template", description: "Accepted notifications and the template's versions stay as they are.",
		errors: []int{404},
	}, s.deleteTemplate)
	addRoute(s, api, route{
		method: http.MethodGet, path: templates + "/{name}/versions", id: "listTemplateVersions", role: RoleTemplates,
		summary: "List a template's versions, newest first", answer: versionListView{}, errors: []int{400, 404},
	}, s.listVersions)
	addRoute(s, api, route{
		method: http.MethodGet, path: templates + "/{name}/versions/{version}", id: "getTemplateVersion", role: RoleTemplates,
		summary: "Read a version of a template", errors: []int{400, 404},
	}, s.getVersion)
	addRoute(s, api, route{
		method: http.MethodPost, path: templates + "/{name}/restore", id: "restoreTemplate", role: RoleTemplates,
		summary: "Restore a version of a template", description: restoreDescription,
		errors: []int{400, 404, 409, 413, 415, 422},
	}, s.restoreTemplate)
	addRoute(s, api, route{
		method: http.MethodPost, path: templates + "/{name}/preview", id: "previewTemplate", role: RoleTemplates,
		summary: "Render a template with sample params", description: previewDescription,
		errors: []int{400, 404, 413, 415, 422},
	}, s.previewTemplate)
	addRoute(s, api, route{
		method: http.MethodPost, path: templates + "/{name}/test", id: "testTemplate", role: RoleTemplates, secondRole: RoleSend, repeats: true,
		summary: "Send a template to one recipient", description: testDescription, status: http.StatusAccepted,
		errors: []int{400, 404, 409, 413, 415, 422},
	}, s.testTemplate)
}

func (s *Server) kindRoutes(api huma.API) {
	const kinds = apiPrefix + "/kinds"
	addRoute(s, api, route{
		method: http.MethodGet, path: kinds, id: "listKinds",
		summary: "List the kinds of notifications by name", description: "Every app may read them, to name one in a request.", answer: kindListView{}, errors: []int{400},
	}, s.listKinds)
	addRoute(s, api, route{
		method: http.MethodGet, path: kinds + "/{name}", id: "getKind", summary: "Read a kind",
		description: "Every app may read it.", errors: []int{404},
	}, s.getKind)
	addRoute(s, api, route{
		method: http.MethodPut, path: kinds + "/{name}", id: "putKind", role: RoleAdmin,
		summary: "Create a kind, or replace it", description: putKindDescription, errors: []int{400, 413, 415, 422},
	}, s.putKind)
	addRoute(s, api, route{
		method: http.MethodDelete, path: kinds + "/{name}", id: "deleteKind", role: RoleAdmin,
		summary: "Delete a kind", description: "Accepted notifications stay as they are; a request that names the kind is refused from now on.", errors: []int{404},
	}, s.deleteKind)
}

// peopleRoutes are about recipients beyond what was sent to them.
func (s *Server) peopleRoutes(api huma.API) {
	const preferences, suppressions = apiPrefix + "/preferences", apiPrefix + "/suppressions"
	addRoute(s, api, route{
		method: http.MethodGet, path: preferences, id: "getPreferences", role: RoleSend,
		summary: "Read what a recipient has switched off", description: preferencesDescription, strictQuery: true, errors: []int{400, 404, 422},
	}, s.getPreferences)
	addRoute(s, api, route{
		method: http.MethodPut, path: preferences, id: "setPreferences", role: RoleSend,
		summary: "Replace what a recipient has switched off", description: setPreferencesDescription,
		errors: []int{400, 404, 413, 415, 422},
	}, s.setPreferences)
	addRoute(s, api, route{
		method: http.MethodPost, path: apiPrefix + "/link-keys", id: "makeLinkKey", role: RoleAdmin,
		summary: "Make a new key for the unsubscribe links of mails", description: linkKeyDescription,
		errors: []int{400, 413, 415},
	}, s.makeLinkKey)
	addRoute(s, api, route{
		method: http.MethodGet, path: suppressions, id: "listSuppressions", role: RoleAdmin,
		summary: "List the addresses that nothing is sent to", description: suppressionsDescription, strictQuery: true, errors: []int{400, 422},
	}, s.listSuppressions)
	addRoute(s, api, route{
		method: http.MethodDelete, path: suppressions + "/{id}", id: "deleteSuppression", role: RoleAdmin,
		summary: "Let an address be sent to again", description: unsuppressDescription, errors: []int{400, 404},
	}, s.deleteSuppression)
}

func (s *Server) contactRoutes(api huma.API) {
	const contacts, groups = apiPrefix + "/contacts", apiPrefix + "/groups"
	addRoute(s, api, route{
		method: http.MethodGet, path: contacts, id: "listContacts", role: RoleSend,
		summary: "List contacts by owner and name", description: contactsDescription,
		strictQuery: true, answer: contactListView{}, errors: []int{400, 422},
	}, s.listContacts)
	addRoute(s, api, route{
		method: http.MethodPut, path: contacts, id: "putContacts", role: RoleSend,
		summary: "Create and replace many contacts, all or none", description: putDescription,
		strictQuery: true, errors: []int{400, 413, 415, 422},
	}, s.putContacts)
	addRoute(s, api, route{
		method: http.MethodGet, path: contacts + "/{name}", id: "getContact", role: RoleSend,
		summary: "Read a contact", description: ownOrShared, strictQuery: true, errors: []int{400, 404, 422},
	}, s.getContact)
	addRoute(s, api, route{
		method: http.MethodPut, path: contacts + "/{name}", id: "putContact", role: RoleSend,
		summary: "Create or replace a contact", description: putDescription,
		strictQuery: true, errors: []int{400, 404, 413, 415, 422},
	}, s.putContact)
	addRoute(s, api, route{
		method: http.MethodDelete, path: contacts + "/{name}", id: "deleteContact", role: RoleSend,
		summary: "Delete a contact", description: "What was accepted stays.", strictQuery: true, errors: []int{400, 404, 422},
	}, s.deleteContact)
	addRoute(s, api, route{
		method: http.MethodGet, path: groups, id: "listGroups", role: RoleSend,
		summary: "List groups of contacts by owner and name", description: contactsDescription + groupDescription,
		strictQuery: true, answer: groupListView{}, errors: []int{400, 422},
	}, s.listGroups)
	addRoute(s, api, route{
		method: http.MethodGet, path: groups + "/{name}", id: "getGroup", role: RoleSend,
		summary: "Read a group", description: ownOrShared, strictQuery: true, errors: []int{400, 404, 422},
	}, s.getGroup)
	addRoute(s, api, route{
		method: http.MethodPut, path: groups + "/{name}", id: "putGroup", role: RoleSend,
		summary: "Create or replace a group", description: putDescription + groupDescription,
		strictQuery: true, errors: []int{400, 413, 415, 422},
	}, s.putGroup)
	addRoute(s, api, route{
		method: http.MethodDelete, path: groups + "/{name}", id: "deleteGroup", role: RoleSend,
		summary: "Delete a group; its contacts stay", strictQuery: true, errors: []int{400, 404, 422},
	}, s.deleteGroup)
}

func (s *Server) endpointRoutes(api huma.API) {
	const endpoints = apiPrefix + "/endpoints"
	addRoute(s, api, route{
		method: http.MethodPost, path: endpoints, id: "createEndpoint", role: RoleSend,
		summary: "Have an app told of events", description: createEndpointDescription, status: http.StatusCreated,
		errors: []int{400, 409, 413, 415, 422},
	}, s.createEndpoint)
	addRoute(s, api, route{
		method: http.MethodGet, path: endpoints, id: "listEndpoints", role: RoleSend,
		summary: "List where apps are told of events", strictQuery: true, errors: []int{400, 422},
	}, s.listEndpoints)
	addRoute(s, api, route{
		method: http.MethodGet, path: endpoints + "/{id}", id: "getEndpoint", role: RoleSend,
		summary: "Read an endpoint", errors: []int{400, 404},
	}, s.getEndpoint)
	addRoute(s, api, route{
		method: http.MethodPut, path: endpoints + "/{id}", id: "replaceEndpoint", role: RoleSend,
		summary: "Replace an endpoint", description: replaceEndpointDescription, errors: []int{400, 404, 413, 415, 422},
	}, s.replaceEndpoint)
	addRoute(s, api, route{
		method: http.MethodDelete, path: endpoints + "/{id}", id: "deleteEndpoint", role: RoleSend,
		summary: "Delete an endpoint", description: "It is told nothing any more.", errors: []int{400, 404},
	}, s.deleteEndpoint)
	addRoute(s, api, route{
		method: http.MethodPost, path: endpoints + "/{id}/rotate", id: "rotateEndpoint", role: RoleSend,
		summary: "Give an endpoint a new secret", description: rotateEndpointDescription, errors: []int{400, 404},
	}, s.rotateEndpoint)
	addRoute(s, api, route{
		method: http.MethodPost, path: endpoints + "/{id}/replay", id: "replayEndpoint", role: RoleSend,
		summary: "Tell an endpoint again what happened since a time", description: replayEndpointDescription, status: http.StatusAccepted,
		errors: []int{400, 404, 409, 413, 415, 422},
	}, s.replayEndpoint)
}

func (s *Server) appRoutes(api huma.API) {
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/audit", id: "listAudit", role: RoleAdmin,
		summary: "List the audit log, newest first", description: auditDescription,
		strictQuery: true, errors: []int{400, 422},
	}, s.listAudit)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/whoami", id: "whoAmI",
		summary: "Read which app makes the request, its roles and limits", description: "Needs no role: a check of credentials that sends nothing.",
	}, s.whoAmI)
	addRoute(s, api, route{
		method: http.MethodGet, path: apiPrefix + "/apps", id: "listApps", role: RoleAdmin,
		summary: "List the apps with their roles, limits and what they have used",
	}, s.listApps)
}

func (s *Server) healthRoutes(api huma.API) {
	addRoute(s, api, route{
		method: http.MethodGet, path: "/health", id: "health", probes: true,
		summary: "Report whether the service and its database work", description: "For alerts. It is 503 while the database does not answer.",
	}, s.health)
	addRoute(s, api, route{
		method: http.MethodGet, path: "/livez", id: "live",
		summary: "Report whether the process answers, without the database", description: "For a liveness probe. A restart would not mend the database.",
	}, s.live)
	addRoute(s, api, route{
		method: http.MethodGet, path: "/readyz", id: "ready", probes: true,
		summary:     "Report whether this replica accepts requests",
		description: "For a readiness probe. It is 503 while the replica starts or stops, and while its database does not answer.",
	}, s.ready)
}
