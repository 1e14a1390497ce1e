-- No observations of an earlier window are known.
CREATE VIEW earlier AS FROM flows WHERE FALSE;
