-- The observations that are asked, under both names.
CREATE VIEW flows AS FROM observed(getvariable('flows'));
CREATE VIEW observations AS FROM flows;
