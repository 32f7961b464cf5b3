// `/settings`
export { Settings as SettingsScreen } from "~/features/settings/settings";
