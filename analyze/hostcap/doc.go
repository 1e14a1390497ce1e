// Package hostcap reads and writes captures of hosts: what a host saw of its
// own sockets.
//
// Its own forms are Parquet ([WriteParquet], [ReadParquet]) and JSON lines
// ([Write], [ReadJSONL]), one capture a file: what names the host, then a row or
// a line for each listening socket and each connection. It also reads what people have at hand: ss -tunap, netstat of
// Linux, macOS and Windows, conntrack -L and -E, /proc/net/tcp and its like,
// Zeek's conn.log, pcap and pcapng, and the CSV (Timestamp, Destination IP,
// Port) of an old recipe. [Read] tells them apart by their content.
//
// A socket is listening or connected. Who opened a connection is told by what
// the form says (conntrack, Zeek, a SYN in a pcap), else by the sockets: a
// connection whose local port is listened on was opened by its peer. A list
// without any listening socket says nothing about that.
//
// A [Sampler] takes samples of a Linux host's /proc/net and a [Recorder] puts
// samples together.
package hostcap
