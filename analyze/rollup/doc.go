// Package rollup turns flow log objects into day rollups in the state, and
// reads rows over a window back from them. It is the only importer of DuckDB.
//
// A rollup's unit is one key partition: account, region, flow log and UTC day
// as the objects' keys say. Its name is a digest of those objects (keys, stamps,
// sizes), of the window's cuts and of the versions of engine, SQL and reader;
// its content depends on nothing else, so that a rollup that exists is done, and
// two runs at once write the same bytes under the same name. It is up to three
// Parquet files (flows, enis, transit) and a sidecar, which is written last and
// without which there is no rollup.
//
// A cut is an instant inside a UTC day at which a window may begin or end: the
// midnights of the window's time zone, and since and until themselves. Records
// on both sides of a cut are kept apart (the column slot), so that a window in
// any time zone is exact. In UTC there are none.
//
// The engine is sealed: DuckDB reads and writes the scratch directory alone,
// cannot reach the network, loads no extension and keeps its configuration.
// Files of a directory are linked into the scratch directory under names of
// ours; objects on S3 are staged there, no more than Options.StageBytes ahead.
//
// Every object is counted: read, skipped (it holds no rows), unreadable (with
// its reason, and a finding) or outside (no flow log, or not of the window).
package rollup
