// Joins class names; of those that contradict each other the last holds.
import { type ClassValue, clsx } from "clsx";
import { extendTailwindMerge } from "tailwind-merge";

const merge = extendTailwindMerge({
  extend: { theme: { radius: ["control", "panel"], text: ["2xl"], "font-weight": ["normal"] } },
});

export const cn = (...classes: ClassValue[]): string => merge(clsx(classes));
