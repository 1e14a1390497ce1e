-- Observations of an earlier window, to compare with.
CREATE VIEW earlier AS FROM observed(getvariable('earlier'));
