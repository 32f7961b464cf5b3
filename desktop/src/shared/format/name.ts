// Resource names: `workspaces/w/runs/r`.

/** The id at the end of a name. */
export const idOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

/** The workspace a name is in: `workspaces/w`. */
export const workspaceOf = (name: string): string => name.split("/").slice(0, 2).join("/");

/** The agent of an agent version. */
export const agentOf = (version: string): string => version.replace(/\/versions\/[^/]+$/, "");

/** `v7` of an agent version. */
export const versionLabel = (version: string): string => `v${idOf(version)}`;

/** An id, short enough for a column and long enough to tell apart: the end of a UUIDv7 is its random part. */
export const shortId = (name: string): string => idOf(name).slice(-6);
