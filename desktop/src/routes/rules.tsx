// `/inbox/rules`
export { Rules as RulesScreen } from "~/features/rules/rules";
