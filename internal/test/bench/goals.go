package main

// goal is a row of the table.
type goal struct {
	what   string
	metric string
	unit   string
	// base is the metric by which this one is divided in each round. Without a base
	// the figure itself is compared.
	base        string
	must, reach float64 // bounds; 0 for none
	less        bool    // less is better
}

// goals are the rows in the order of the table. A row without a must is for
// information.
var goals = []goal{
	{what: "River: to insert a job, one a transaction", metric: "river-insert-cpu", unit: "µs", less: true},
	{what: "to accept a notification under load", metric: "accept-cpu", unit: "µs", base: "river-insert-cpu", must: 0.30, reach: 0.22, less: true},
	{what: "River: to insert a job in bulk and to work it", metric: "river-bulk-work-cpu", unit: "µs", less: true},
	{what: "a delivery of a notification to 1,000 people, from POST to record", metric: "fanout-cpu", unit: "µs", base: "river-bulk-work-cpu", must: 2.1, reach: 1.7, less: true},
	{what: "River: to insert and work a job, 200 a second", metric: "river-rate-cpu", unit: "µs", less: true},
	{what: "a notification to one, from POST to record, 200 a second", metric: "latency-cpu", unit: "µs", base: "river-rate-cpu", must: 2, reach: 1.4, less: true},
	{what: "a delivery of a backlog", metric: "drain-cpu", unit: "µs", less: true},
	{what: "… by three replicas", metric: "replicas-drain-cpu", unit: "µs", base: "drain-cpu", must: 1.3, reach: 1.15, less: true},
	{what: "River: nothing to do, of one core", metric: "river-idle-cpu", unit: "%", less: true},
	{what: "nothing to do, of one core", metric: "idle-cpu", unit: "%", must: 0.3, reach: 0.15, less: true},

	{what: "River: jobs inserted, one a transaction, 32 callers", metric: "river-insert", unit: "/s"},
	{what: "River: jobs inserted, 1,000 at once", metric: "river-bulk", unit: "/s"},
	{what: "River: no-op jobs worked", metric: "river-work", unit: "/s"},
	{what: "River: insert to work, p50", metric: "river-latency", unit: "ms", less: true},
	{what: "Feishu SDK and simulated platform alone", metric: "vendor", unit: "/s"},

	{what: "accepted, API-only, one recipient each", metric: "accept", unit: "/s", base: "river-insert", must: 2.5, reach: 4},
	{what: "accepted while delivering", metric: "accept-delivering", unit: "/s", base: "river-insert", must: 1, reach: 1.6},
	{what: "… and arrived meanwhile", metric: "accept-delivering-arrived", unit: "/s", base: "river-insert"},
	{what: "accepted in deliveries, 1,000 recipients each", metric: "accept-1000", unit: "/s", base: "river-bulk", must: 0.6, reach: 0.9},
	{what: "one POST with 10,000 recipients", metric: "accept-10000", unit: "s", must: 0.5, reach: 0.25, less: true},
	{what: "… with params for each recipient", metric: "accept-10000-own", unit: "s", base: "accept-10000", must: 2.5, reach: 1.5, less: true},
	{what: "delivered from a backlog", metric: "drain", unit: "/s", base: "river-work", must: 0.22, reach: 0.40},
	{what: "… with params for each recipient", metric: "drain-own", unit: "/s", base: "drain", must: 0.77, reach: 0.9},
	{what: "River: insert to work at 200/s, p50", metric: "river-rate-p50", unit: "ms", less: true},
	{what: "POST to vendor at 200/s, p50", metric: "latency-p50", unit: "ms", less: true},
	{what: "… above River's", metric: "latency-above", unit: "ms", must: 2.5, reach: 1.5, less: true},
	{what: "POST to vendor at 200/s, p99", metric: "latency-p99", unit: "ms", base: "river-latency", must: 10, reach: 6, less: true},
	{what: "River: insert to work at 20/s, p50", metric: "river-rate-low-p50", unit: "ms", less: true},
	{what: "POST to vendor at 20/s, p50", metric: "latency-low-p50", unit: "ms", less: true},
	{what: "… above River's", metric: "latency-low-above", unit: "ms", must: 2, reach: 1.2, less: true},
	{what: "accepted, logging each request", metric: "accept-info", unit: "/s", base: "accept"},
	{what: "delivered from a backlog, logging each attempt", metric: "drain-info", unit: "/s", base: "drain"},

	{what: "delivered from requests to 1,000 people each", metric: "fanout", unit: "/s"},

	{what: "a million contacts of a group, accepted", metric: "group-million-accepted", unit: "s", must: 0.5, reach: 0.25, less: true},
	{what: "… delivered, from the request to the last record", metric: "group-million", unit: "/s", base: "fanout", must: 0.9, reach: 1},
	{what: "… resident memory before the request", metric: "group-million-before", unit: "MB", less: true},
	{what: "… resident memory, most", metric: "group-million-memory", unit: "MB", must: 250, reach: 150, less: true},

	{what: "accepted, with a history", metric: "history-accept", unit: "/s", base: "accept", must: 0.9, reach: 1},
	{what: "delivered from a backlog, with a history", metric: "history-drain", unit: "/s", base: "drain", must: 0.9, reach: 1},
	{what: "POST to vendor p50, with a history", metric: "history-latency-p50", unit: "ms", base: "latency-p50", must: 1.11, reach: 1, less: true},
	{what: "POST to vendor p99, with a history", metric: "history-latency-p99", unit: "ms", less: true},
	{what: "… while all of it is deleted", metric: "retention-latency-p99", unit: "ms", base: "history-latency-p99", must: 1.2, reach: 1, less: true},
	{what: "… deliveries deleted meanwhile", metric: "retention", unit: "/s"},
	{what: "read a notification, with a history, p99", metric: "history-read-p99", unit: "ms", must: 20, reach: 10, less: true},
	{what: "list a page of deliveries, with a history, p99", metric: "history-page-p99", unit: "ms", must: 20, reach: 10, less: true},
	{what: "a page of the console, with a history, p95", metric: "history-console-p95", unit: "ms", must: 200, reach: 100, less: true},
	{what: "… the slowest page of them, p95", metric: "history-console-slowest-p95", unit: "ms", must: 200, reach: 100, less: true},

	{what: "start to ready, schema current", metric: "start", unit: "s", must: 1, reach: 0.5, less: true},
	{what: "resident memory, idle", metric: "idle-memory", unit: "MB", must: 42, reach: 35, less: true},
	{what: "resident memory, most during a drain", metric: "drain-memory", unit: "MB", must: 150, reach: 100, less: true},

	{what: "SQLite: River's jobs inserted, 32 callers", metric: "river-sqlite-insert", unit: "/s"},
	{what: "SQLite: River's no-op jobs worked", metric: "river-sqlite-work", unit: "/s"},
	{what: "SQLite: accepted", metric: "sqlite-accept", unit: "/s", base: "river-sqlite-insert", must: 0.3, reach: 0.5},
	{what: "SQLite: delivered from a backlog", metric: "sqlite-drain", unit: "/s", base: "river-sqlite-work", must: 0.3, reach: 0.5},

	{what: "River in three processes: jobs inserted in sum", metric: "river-replicas-insert", unit: "/s", base: "river-insert"},
	{what: "River in three processes: jobs worked in sum", metric: "river-replicas-work", unit: "/s", base: "river-work"},
	{what: "three replicas: accepted in sum, 64 callers each", metric: "replicas-accept", unit: "/s", base: "accept"},
	{what: "three replicas: delivered in sum", metric: "replicas-drain", unit: "/s", base: "drain"},
	{what: "three replicas: share of the least busy one", metric: "replicas-share", unit: "of even", must: 0.5, reach: 0.8},
}
