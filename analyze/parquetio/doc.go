// Package parquetio reads Parquet footers and reads and writes flowcover's own
// Parquet files. It is the only importer of arrow.
//
// A [Footer] says where each column chunk of a file lies. It is read from
// untrusted bytes: every length and offset is checked against the file's size,
// and the footer's structure is walked, before anything is allocated by what
// the file claims.
//
// [WriteFlows] and [ReadFlows] are the codec of the observations' files: one
// fixed schema with a version in the file's metadata, and equal flows give equal
// bytes. [WriteCapture] and [ReadCapture] do the same for host captures.
// [WriteFlowLog] writes objects in the shape of AWS's flow logs.
package parquetio
