CREATE TABLE widgets.note (
    note_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    text text NOT NULL,
    CONSTRAINT note_text_not_empty CHECK (text <> '')
);
ALTER TABLE widgets.note ENABLE ROW LEVEL SECURITY;
ALTER TABLE widgets.note FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON widgets.note
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON widgets.note TO mc_widgets_api;
