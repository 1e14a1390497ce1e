// Package ask answers questions about observations, in SQL.
//
// A [Library] is a sealed database whose tables are one observations file and
// what stands beside it. It takes one SELECT (or WITH, FROM, VALUES, DESCRIBE,
// SUMMARIZE, SHOW) at a time: nothing can be written, no file and no network
// be reached. The questions that come with it are the files questions/*.sql.
//
// Times are instants; DATE columns are days of UTC, as flow logs count them.
package ask
