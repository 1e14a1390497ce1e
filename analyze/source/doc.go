// Package source reads and writes the objects that flowcover works on: flow
// logs and the state, in a directory or under an s3://bucket/prefix.
//
// A [Bucket] is one such place. An [Object] in it has a key relative to the
// place, with forward slashes on every system. [ParseKey] reads from a flow
// log's key which [Partition] it belongs to: account, region, flow log and UTC
// day, for each of the layouts in which AWS delivers.
//
// An object is identified by what [Bucket.Stamp] returns: on S3 its ETag, in a
// directory a digest of its bytes (of its head, its tail and its size where it
// is large: the tail of a Parquet file is its footer, that of a gzip file its
// checksum). Copying a directory therefore changes no stamp, and a touched file
// is the same file.
//
// Buckets are safe for concurrent use. This package is the only importer of
// the S3 client.
package source
