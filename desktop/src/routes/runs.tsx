// `/runs`
export { Runs as RunsScreen } from "~/features/runs/runs";
