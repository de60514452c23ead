-- Rows are looked up by their keys, however the values are spread, and come with each ballot: figures of them are made
-- when a table has doubled. By PostgreSQL's own measure, a tenth more, they were made each minute of a busy hour.
ALTER TABLE ballots SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE ciphertexts SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE reservations SET (autovacuum_analyze_scale_factor = 1);
