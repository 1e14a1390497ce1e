package rollup

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

func TestSpike(t *testing.T) {
	dir := t.TempDir()
	out := t.TempDir()
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	conn, _ := db.Conn(context.Background())
	ex := func(q string, args ...any) {
		if _, err := conn.ExecContext(context.Background(), q, args...); err != nil {
			fmt.Println("ERR", q, err)
		}
	}
	q := func(q string, args ...any) {
		rows, err := conn.QueryContext(context.Background(), q, args...)
		if err != nil {
			fmt.Println("ERR", q, err)
			return
		}
		cols, _ := rows.Columns()
		for rows.Next() {
			v := make([]any, len(cols))
			p := make([]any, len(cols))
			for i := range v {
				p[i] = &v[i]
			}
			if err := rows.Scan(p...); err != nil {
				fmt.Println(err)
			}
			for i := range v {
				fmt.Printf("%s=%T:%v ", cols[i], v[i], v[i])
			}
			fmt.Println()
		}
		if rows.Err() != nil {
			fmt.Println("ERR", q, rows.Err())
		}
	}
	ex("COPY (SELECT range AS a, 'x'||range AS b FROM range(100000)) TO '" + out + "/it''s[1].parquet' (FORMAT parquet)")
	ex("COPY (SELECT range AS a, 'x'||range AS b FROM range(100000)) TO '" + out + "/two.parquet' (FORMAT parquet)")
	os.Symlink(filepath.Join(out, "it's[1].parquet"), filepath.Join(dir, "1.parquet"))
	os.Symlink(filepath.Join(out, "two.parquet"), filepath.Join(dir, "2.parquet"))
	ex("SET allowed_directories=['" + dir + "']")
	ex("SET temp_directory='" + dir + "/tmp'")
	ex("SET max_temp_directory_size='1GB'")
	ex("SET enable_external_access=false")
	ex("SET autoinstall_known_extensions=false")
	ex("SET autoload_known_extensions=false")
	ex("SET allow_community_extensions=false")
	ex("SET memory_limit='500MB'")
	ex("SET threads=2")
	ex("SET lock_configuration=true")
	ex("SET threads=1")
	q("SELECT count(*) FROM read_parquet(?)", []string{dir + "/1.parquet", dir + "/2.parquet"})
	q("SELECT count(*) FROM read_parquet(?)", dir+"/1.parquet")
	q("SELECT count(*) FROM read_parquet(?)", out+"/two.parquet")
	q("SET VARIABLE files = ?", []string{dir + "/1.parquet", dir + "/2.parquet"})
	q("SELECT count(*) FROM read_parquet(getvariable('files'))")
	q("SELECT CAST(bitstring_agg(a, ?, ?) AS VARCHAR) s FROM (VALUES (3),(5),(NULL)) t(a)", 2, 10)
	q("SELECT bitstring_agg(a, 2, 10) s FROM (VALUES (3),(5),(NULL)) t(a)")
	q("SELECT sum(a) s, bit_or(1::UINTEGER << 3::UINTEGER) b, max(a)::HUGEINT h, 5::UBIGINT FROM (VALUES (3),(5),(NULL)) t(a)")
	q("SELECT extension_name, loaded, installed FROM duckdb_extensions() WHERE loaded")
	q("SELECT TRY_CAST('-' AS BIGINT), TRY_CAST('12.0' AS BIGINT), TRY_CAST(' 12' AS BIGINT), hash(1,'a',NULL)")
	ex("COPY (SELECT 1 a) TO '" + out + "/no.parquet' (FORMAT parquet)")
	ex("INSTALL httpfs")
	ex("LOAD httpfs")
	q("SELECT count(*) FROM read_parquet('s3://x/y.parquet')")
	q("SELECT version()")
}
