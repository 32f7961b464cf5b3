// Theme, density and the sidebar, as this person likes them on this machine.
import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";

interface Appearance {
  theme: Theme;
  density: Density;
  /** True while the sidebar shows icons alone. */
  sidebarCollapsed: boolean;
  setTheme(theme: Theme): void;
  setDensity(density: Density): void;
  toggleSidebar(): void;
}

export const useAppearance = create<Appearance>()(
  persist(
    (set) => ({
      theme: "system",
      density: "comfortable",
      sidebarCollapsed: false,
      setTheme: (theme) => set({ theme }),
      setDensity: (density) => set({ density }),
      toggleSidebar: () => set((now) => ({ sidebarCollapsed: !now.sidebarCollapsed })),
    }),
    { name: "mc.appearance", version: 1 },
  ),
);

/** Writes theme and density on the document, now and after every change. */
export function applyAppearance(): void {
  const apply = ({ theme, density }: Appearance) => {
    document.documentElement.dataset.theme = theme;
    document.documentElement.dataset.density = density;
  };
  apply(useAppearance.getState());
  useAppearance.subscribe(apply);
}
