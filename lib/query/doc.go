// Package query answers the list commands: fields, filters, rows.
//
// A resource (instance, node, network, group, job) is a list of fields, each with a getter over one row. A query selects
// rows by name or by filter, asks the nodes only when a field or the filter needs live data, and gives cells with a status,
// as Ganeti's query interface does.
package query
