-- What stands beside the flows. Input: one JSON document for each table.
CREATE TABLE about AS SELECT unnest(from_json(getvariable('about'),
    '[{"digest":"VARCHAR","since":"TIMESTAMPTZ","until":"TIMESTAMPTZ","timezone":"VARCHAR","quarter":"DATE"}]'), max_depth := 2);
CREATE TABLE rules AS SELECT unnest(from_json(getvariable('rules'),
    '[{"kind":"VARCHAR","resource":"VARCHAR","rule":"VARCHAR","id":"VARCHAR","state":"VARCHAR","flows":"BIGINT","alone":"BIGINT","records":"BIGINT","last":"TIMESTAMPTZ","used_share":"DOUBLE","contained_in":["VARCHAR"],"by":["VARCHAR"]}]'), max_depth := 2);
CREATE TABLE coverage AS SELECT unnest(from_json(getvariable('coverage'),
    '[{"resource":"VARCHAR","score":"DOUBLE","reasons":["VARCHAR"]}]'), max_depth := 2);
CREATE TABLE findings AS SELECT unnest(from_json(getvariable('findings'),
    '[{"severity":"VARCHAR","kind":"VARCHAR","resource":"VARCHAR","message":"VARCHAR"}]'), max_depth := 2);
