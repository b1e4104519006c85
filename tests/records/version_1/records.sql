BEGIN TRANSACTION;
CREATE TABLE nango_agent_calls (
	plan_id VARCHAR(64) NOT NULL, 
	step VARCHAR(64) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	attempt INTEGER NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	thread_id VARCHAR(255) NOT NULL, 
	tool VARCHAR(512) NOT NULL, 
	connection_id VARCHAR(255) NOT NULL, 
	access VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	arguments JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	worker VARCHAR(64) NOT NULL, 
	lease_until FLOAT NOT NULL, 
	output JSON, 
	error TEXT, 
	started_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	PRIMARY KEY (plan_id, step, item, attempt)
);
CREATE TABLE nango_agent_decisions (
	plan_id VARCHAR(64) NOT NULL, 
	step VARCHAR(64) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	attempt INTEGER NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	thread_id VARCHAR(255) NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	arguments JSON NOT NULL, 
	asked_id VARCHAR(64) NOT NULL, 
	actor VARCHAR(255) NOT NULL, 
	message TEXT NOT NULL, 
	decided_at FLOAT NOT NULL, 
	PRIMARY KEY (plan_id, step, item, attempt)
);
CREATE TABLE nango_agent_plans (
	id VARCHAR(64) NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	thread_id VARCHAR(255) NOT NULL, 
	turn_id VARCHAR(64) NOT NULL, 
	ordinal INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	steps JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "nango_agent_plans" VALUES('91caee0cf2668b477adb33828b5251cb','user:bea','asks','9ec81626eb9fca60a8ca4308d44f97af',0,'open','[{"id": "s1", "tool": "github/create-issue", "arguments": {"owner": "octo", "repo": "widgets", "title": "Old"}, "purpose": "Create issue"}]',1.79527200803404188159e+09);
CREATE TABLE nango_agent_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "nango_agent_schema" VALUES(1);
CREATE TABLE nango_agent_turns (
	id VARCHAR(64) NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	requester VARCHAR(255) NOT NULL, 
	organization VARCHAR(255) NOT NULL, 
	thread_id VARCHAR(255) NOT NULL, 
	assistant_id VARCHAR(255) NOT NULL, 
	message_id TEXT NOT NULL, 
	started_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "nango_agent_turns" VALUES('f9230e558d0f392fef2234707df43a55','user:ada','ada','','waits','','445f4f99-8cf9-4653-b030-9b2b0a8bb9bc',1.79527200785842370989e+09,NULL);
INSERT INTO "nango_agent_turns" VALUES('9ec81626eb9fca60a8ca4308d44f97af','user:bea','bea','','asks','','a0451098-6045-47a5-8c68-e0146e98a4b5',1.79527200797640776631e+09,NULL);
CREATE TABLE nango_agent_waits (
	id VARCHAR(64) NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	requester VARCHAR(255) NOT NULL, 
	organization VARCHAR(255) NOT NULL, 
	thread_id VARCHAR(255) NOT NULL, 
	assistant_id VARCHAR(255) NOT NULL, 
	integration VARCHAR(255) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	connection_id VARCHAR(255), 
	deadline FLOAT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	created_at FLOAT NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "nango_agent_waits" VALUES('327bc861bb9d474baa3f3813ab5d2fcf','user:ada','ada','','waits','','github','missing',NULL,1.79786400795179843897e+09,'open',1.79527200795179843906e+09,1.79527200795179843906e+09);
CREATE INDEX ix_nango_agent_turns_thread_id ON nango_agent_turns (thread_id);
CREATE UNIQUE INDEX nango_agent_waits_open ON nango_agent_waits (thread_id, tenant, requester, integration) WHERE state = 'open';
CREATE INDEX ix_nango_agent_waits_thread_id ON nango_agent_waits (thread_id);
CREATE INDEX ix_nango_agent_waits_state ON nango_agent_waits (state);
CREATE INDEX ix_nango_agent_plans_thread_id ON nango_agent_plans (thread_id);
CREATE INDEX nango_agent_calls_thread ON nango_agent_calls (thread_id, tenant);
COMMIT;
