// `/team`
export { Team as TeamScreen } from "~/features/team/team";
