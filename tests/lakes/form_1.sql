-- A lake as the first offbeat wrote it. Frozen: not to be brought up to what the code writes today.
CREATE TABLE IF NOT EXISTS delta.`{lake}/events` (
  `event_id` string NOT NULL COMMENT 'as given, else a hash of the contract\'s columns',
  `entity` string NOT NULL COMMENT 'whose events these are; several columns joined by |',
  `event_time` timestamp COMMENT 'UTC instant; null only where the log has no time',
  `position` bigint COMMENT 'place in the log where it has no time, or tie-break',
  `event` string NOT NULL COMMENT 'what happened',
  `label` int COMMENT '0 normal, 1 abnormal; only evaluation and classifiers read it',
  `covariates` map<string,string> COMMENT 'further columns of the source, as text',
  `role` string NOT NULL COMMENT 'train, score or both: what its source is for',
  `source_file` string COMMENT 'file or table it came from',
  `ingest_batch` string NOT NULL COMMENT 'batch that took it'
) USING DELTA
CLUSTER BY (`entity`, `event_time`)
COMMENT 'An event as it came, cast to the contract. Key: event_id.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'events', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false', 'delta.constraints.label_is_binary' = 'label IS NULL OR label IN (0, 1)');
INSERT INTO delta.`{lake}/events` VALUES ('event_id', 'entity', TIMESTAMP'2026-01-01 10:00:00', 1, 'event', 0, map('platform', 'tv'), 'role', 'source_file', 'ingest_batch');
CREATE TABLE IF NOT EXISTS delta.`{lake}/quarantine` (
  `row_hash` string NOT NULL COMMENT 'hash of the raw row',
  `source_file` string NOT NULL COMMENT 'file or table it came from',
  `raw` string NOT NULL COMMENT 'the row as it came',
  `raw_header` string COMMENT 'header of its file, where the row can\'t be read without',
  `raw_lines` array<bigint> COMMENT 'numbers of its lines, where the source is ordered by line',
  `reasons` array<string> NOT NULL COMMENT 'every reason, not the first alone',
  `copies` bigint NOT NULL COMMENT 'how often the same row came from this source',
  `source` string NOT NULL COMMENT 'source of the config: its path, table or query as written there',
  `ingest_batch` string NOT NULL COMMENT 'batch that refused it',
  `quarantined_at` timestamp NOT NULL COMMENT 'run date of that batch'
) USING DELTA
COMMENT 'A row that did not meet the contract, with every reason. Key: row_hash, source_file.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'quarantine', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/quarantine` VALUES ('row_hash', 'source_file', 'raw', 'raw_header', array(1L, 2L), array('a', 'b'), 1, 'source', 'ingest_batch', TIMESTAMP'2026-01-01 10:00:00');
CREATE TABLE IF NOT EXISTS delta.`{lake}/ingested` (
  `content_hash` string NOT NULL COMMENT 'SHA-256 of the file\'s bytes, or of a query and its bounds',
  `source_file` string NOT NULL COMMENT 'name it was taken under',
  `source` string NOT NULL COMMENT 'source of the config: its path, table or query as written there',
  `size_bytes` bigint COMMENT 'bytes of the file',
  `modified_ms` bigint COMMENT 'when the file was changed, milliseconds since 1970',
  `columns` map<string,string> COMMENT 'kind of values of the columns that were taken',
  `ingest_batch` string NOT NULL COMMENT 'batch that took it',
  `state` string NOT NULL COMMENT 'planned: being taken; done: all its rows are in events or quarantine',
  `rows_in` bigint COMMENT 'rows read',
  `events` bigint COMMENT 'rows that became events',
  `duplicates` bigint COMMENT 'rows that were there already',
  `quarantined` bigint COMMENT 'rows refused',
  `taken_at` timestamp NOT NULL COMMENT 'run date of the batch'
) USING DELTA
COMMENT 'A source file (or query) that was taken, so that it is taken once. Key: content_hash.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'ingested', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/ingested` VALUES ('content_hash', 'source_file', 'source', 1, 1, map('platform', 'tv'), 'ingest_batch', 'done', 1, 1, 1, 1, TIMESTAMP'2026-01-01 10:00:00');
CREATE TABLE IF NOT EXISTS delta.`{lake}/sessions` (
  `session_id` string NOT NULL COMMENT 'hash of entity, start and first event_id',
  `entity` string NOT NULL COMMENT 'whose events these are; several columns joined by |',
  `start` timestamp COMMENT 'UTC instant of the first event; null where the log has no time',
  `end` timestamp COMMENT 'UTC instant of the last event; null where the log has no time',
  `n_events` int NOT NULL COMMENT 'number of events',
  `events` array<string> NOT NULL COMMENT 'what happened, in order',
  `times` array<timestamp> NOT NULL COMMENT 'when, in the same order; nulls where the log has no time',
  `event_ids` array<string> NOT NULL COMMENT 'which rows of events, in the same order',
  `covariates` map<string,string> COMMENT 'first value of each covariate in the session',
  `label` int COMMENT 'largest label of its events; null where none has one',
  `role` string NOT NULL COMMENT 'train, score or both: what its source is for',
  `continues` boolean NOT NULL COMMENT 'whether it continues a piece that was cut',
  `state` string NOT NULL COMMENT 'open: may still grow; closed; cut: its next piece follows'
) USING DELTA
CLUSTER BY (`start`, `entity`)
COMMENT 'One run of one entity\'s events, none further apart than the gap. Key: session_id.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'sessions', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'true', 'delta.constraints.state_is_known' = 'state IN (\'open\', \'closed\', \'cut\')', 'delta.constraints.has_events' = 'n_events >= 1');
INSERT INTO delta.`{lake}/sessions` VALUES ('session_id', 'entity', TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:00:00', 2, array('play', 'stop'), array(TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:01:00'), array('a', 'b'), map('platform', 'tv'), 0, 'role', false, 'closed');
CREATE TABLE IF NOT EXISTS delta.`{lake}/session_scores` (
  `session_id` string NOT NULL COMMENT 'hash of entity, start and first event_id',
  `model_version` string NOT NULL COMMENT 'model that scored; folder under models/NAME/',
  `score` float NOT NULL COMMENT 'largest surprise of its events in nats, or the detector\'s own; higher = stranger',
  `percentile` float NOT NULL COMMENT 'share of held-out normal sessions that score lower, 0 to 100',
  `verdict` string NOT NULL COMMENT 'normal, anomalous, short, open or unknown_event',
  `threshold` float NOT NULL COMMENT 'score above which a session is anomalous',
  `unknown_share` float NOT NULL COMMENT 'share of its events that the model has never seen',
  `run_id` string NOT NULL COMMENT 'run that wrote the row; see runs',
  `scored_at` timestamp NOT NULL COMMENT 'UTC instant of the run'
) USING DELTA
CLUSTER BY (`session_id`)
COMMENT 'One row per session and model version; every session has a score. Key: session_id, model_version.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'session_scores', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false', 'delta.constraints.score_is_finite' = 'score >= 0 AND score < double(\'infinity\')', 'delta.constraints.percentile_in_range' = 'percentile >= 0 AND percentile <= 100', 'delta.constraints.verdict_is_known' = 'verdict IN (\'normal\', \'anomalous\', \'short\', \'open\', \'unknown_event\')');
INSERT INTO delta.`{lake}/session_scores` VALUES ('session_id', 'model_version', 1.0, 1.0, 'anomalous', 1.0, 1.0, 'run_id', TIMESTAMP'2026-01-01 10:00:00');
CREATE TABLE IF NOT EXISTS delta.`{lake}/event_scores` (
  `session_id` string NOT NULL COMMENT 'hash of entity, start and first event_id',
  `position` int NOT NULL COMMENT '0-based place in the session; n_events stands for its end',
  `model_version` string NOT NULL COMMENT 'model that scored; folder under models/NAME/',
  `event` string NOT NULL COMMENT 'what happened',
  `probability` float NOT NULL COMMENT 'probability that the model gave it, 0 to 1',
  `rank` int NOT NULL COMMENT '1 = the likeliest',
  `surprise` float NOT NULL COMMENT '-ln(probability), nats',
  `expected` array<struct<event:string,probability:float>> NOT NULL COMMENT 'likeliest events at that place, falling',
  `run_id` string NOT NULL COMMENT 'run that wrote the row; see runs'
) USING DELTA
CLUSTER BY (`session_id`)
COMMENT 'How expected each event of a flagged session was. Key: session_id, position, model_version.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'event_scores', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false', 'delta.constraints.probability_in_range' = 'probability >= 0 AND probability <= 1', 'delta.constraints.rank_is_positive' = 'rank >= 1');
INSERT INTO delta.`{lake}/event_scores` VALUES ('session_id', 1, 'model_version', 'event', 0.5, 1, 1.0, CAST(array() AS array<struct<event:string,probability:float>>), 'run_id');
CREATE TABLE IF NOT EXISTS delta.`{lake}/anomalies` (
  `session_id` string NOT NULL COMMENT 'hash of entity, start and first event_id',
  `model_version` string NOT NULL COMMENT 'model that scored; folder under models/NAME/',
  `entity` string NOT NULL COMMENT 'whose events these are; several columns joined by |',
  `start` timestamp COMMENT 'UTC instant of the session\'s first event',
  `end` timestamp COMMENT 'UTC instant of the session\'s last event',
  `score` float NOT NULL COMMENT 'higher = stranger',
  `percentile` float NOT NULL COMMENT 'share of held-out normal sessions that score lower, 0 to 100',
  `verdict` string NOT NULL COMMENT 'anomalous or unknown_event',
  `threshold` float NOT NULL COMMENT 'score above which a session is anomalous',
  `kind` string NOT NULL COMMENT 'new_event, wrong_order, missing, repeated, inserted, time_gap, length or counts',
  `positions` array<int> NOT NULL COMMENT '0-based places of the odd events; n_events stands for the end',
  `events` array<string> NOT NULL COMMENT 'what happened, in order',
  `times` array<timestamp> NOT NULL COMMENT 'when, in the same order',
  `actual` array<struct<position:int,event:string,probability:float,rank:int,surprise:float,expected:array<struct<event:string,probability:float>>>> NOT NULL COMMENT 'the odd events against what was expected there, strangest first',
  `nearest` array<string> COMMENT 'nearest normal sequence that the model was trained on',
  `edits` array<string> COMMENT 'steps that turn the session into that sequence',
  `event_ids` array<string> NOT NULL COMMENT 'rows of events, in order',
  `covariates` map<string,string> COMMENT 'first value of each covariate in the session',
  `action` string NOT NULL COMMENT 'what to do about it',
  `run_id` string NOT NULL COMMENT 'run that wrote the row; see runs'
) USING DELTA
CLUSTER BY (`start`, `entity`)
COMMENT 'A flagged session and why it was flagged. Key: session_id, model_version.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'anomalies', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'true', 'delta.constraints.score_is_finite' = 'score >= 0 AND score < double(\'infinity\')');
INSERT INTO delta.`{lake}/anomalies` VALUES ('session_id', 'model_version', 'entity', TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:00:00', 1.0, 1.0, 'anomalous', 1.0, 'missing', array(1), array('play', 'stop'), array(TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:01:00'), CAST(array() AS array<struct<position:int,event:string,probability:float,rank:int,surprise:float,expected:array<struct<event:string,probability:float>>>>), array('a', 'b'), array('a', 'b'), array('a', 'b'), map('platform', 'tv'), 'action', 'run_id');
CREATE TABLE IF NOT EXISTS delta.`{lake}/truth` (
  `session_key` string NOT NULL COMMENT 'a session as it was generated',
  `entity` string NOT NULL COMMENT 'whose events these are; several columns joined by |',
  `event_ids` array<string> NOT NULL COMMENT 'its events in true order',
  `start` timestamp NOT NULL COMMENT 'true start',
  `end` timestamp NOT NULL COMMENT 'true end',
  `partner` string NOT NULL COMMENT 'content partner',
  `title` string NOT NULL COMMENT 'title viewed',
  `platform` string NOT NULL COMMENT 'device platform',
  `app_version` string NOT NULL COMMENT 'version of the app',
  `fault_kind` string COMMENT 'swap, drop, repeat, insert or delay; null = none',
  `fault_event_id` string COMMENT 'the event out of place; for a drop the next that is left',
  `fault_position` int COMMENT '0-based place of that event as logged',
  `minutes_true` double NOT NULL COMMENT 'minutes really viewed'
) USING DELTA
COMMENT 'Known faults of a generated log; only evaluation reads it. Key: session_key.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'truth', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/truth` VALUES ('session_key', 'entity', array('a', 'b'), TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:00:00', 'partner', 'title', 'platform', 'app_version', 'fault_kind', 'fault_event_id', 1, 1.0);
CREATE TABLE IF NOT EXISTS delta.`{lake}/evaluations` (
  `run_id` string NOT NULL COMMENT 'run that wrote the row; see runs',
  `model_version` string NOT NULL COMMENT 'model that scored; folder under models/NAME/',
  `detector` string NOT NULL COMMENT 'what was judged',
  `split` string NOT NULL COMMENT 'which sessions it was judged on',
  `subset` string NOT NULL COMMENT 'all, distinct or never_seen sequences',
  `verdict_rule` string NOT NULL COMMENT 'flagged, or without_unknown: unknown_event counted as normal',
  `metric` string NOT NULL COMMENT 'name of the metric',
  `basis` string NOT NULL COMMENT 'honest: threshold from validation; oracle: best on the test set; reference',
  `value` double COMMENT 'its value',
  `low` double COMMENT 'lower end of the 95 % interval',
  `high` double COMMENT 'upper end of the 95 % interval',
  `seconds` double COMMENT 'seconds that the detector took to train and score',
  `note` string COMMENT 'what to know when reading it'
) USING DELTA
COMMENT 'A metric of a detector on a split, with its interval. Key: the first seven columns but run_id.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'evaluations', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/evaluations` VALUES ('run_id', 'model_version', 'detector', 'split', 'subset', 'verdict_rule', 'metric', 'basis', 1.0, 1.0, 1.0, 1.0, 'note');
CREATE TABLE IF NOT EXISTS delta.`{lake}/runs` (
  `run_id` string NOT NULL COMMENT 'unique to the run of the step',
  `step` string NOT NULL COMMENT 'ingest, sessionize, train, score, evaluate …',
  `config_name` string NOT NULL COMMENT 'name of the config',
  `config_hash` string NOT NULL COMMENT 'hash of the resolved config',
  `run_date` timestamp NOT NULL COMMENT 'date that the run stands for, UTC',
  `started_at` timestamp NOT NULL COMMENT 'UTC instant',
  `seconds` double NOT NULL COMMENT 'wall seconds',
  `outcome` string NOT NULL COMMENT 'done or failed',
  `error` string COMMENT 'one line, where it failed',
  `model_version` string COMMENT 'model made or used',
  `versions_read` map<string,bigint> COMMENT 'Delta version of each table read',
  `versions_written` map<string,bigint> COMMENT 'Delta version of each table written',
  `counts` map<string,bigint> COMMENT 'rows in and out',
  `libraries` map<string,string> NOT NULL COMMENT 'versions of code and libraries'
) USING DELTA
COMMENT 'One run of one step: what ran, on what, how long, with what outcome. Key: run_id.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'runs', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/runs` VALUES ('run_id', 'step', 'config_name', 'config_hash', TIMESTAMP'2026-01-01 10:00:00', TIMESTAMP'2026-01-01 10:00:00', 1.0, 'done', 'error', 'model_version', map('events', 1L), map('events', 1L), map('events', 1L), map('platform', 'tv'));
CREATE TABLE IF NOT EXISTS delta.`{lake}/minutes_viewed` (
  `day` date NOT NULL COMMENT 'UTC day of the session\'s start',
  `partner` string NOT NULL COMMENT 'content partner',
  `title` string NOT NULL COMMENT 'title viewed',
  `platform` string NOT NULL COMMENT 'device platform',
  `minutes_reported` double NOT NULL COMMENT 'minutes as the report counts them',
  `minutes_flagged` double NOT NULL COMMENT 'of these, minutes that rest on flagged sessions',
  `minutes_unflagged` double NOT NULL COMMENT 'of these, minutes without flagged sessions',
  `minutes_true` double COMMENT 'generated truth of all sessions; null for real logs',
  `minutes_true_unflagged` double COMMENT 'generated truth of the sessions that are not flagged'
) USING DELTA
COMMENT 'Minutes viewed as reported, on flagged sessions and without them. Key: day, partner, title, platform.'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'false', 'offbeat.table' = 'minutes_viewed', 'offbeat.contract' = '1', 'delta.enableChangeDataFeed' = 'false');
INSERT INTO delta.`{lake}/minutes_viewed` VALUES (DATE'2026-01-01', 'partner', 'title', 'platform', 1.0, 1.0, 1.0, 1.0, 1.0);
