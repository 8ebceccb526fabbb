// Light or dark: as the system says, or as chosen here.
export type Theme = "system" | "light" | "dark";
const KEPT = "merpati.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

function kept(): Theme {
  const found = localStorage.getItem(KEPT);
  return found === "light" || found === "dark" ? found : "system";
}

export const theme: { chosen: Theme; isDark: boolean } = $state({ chosen: kept(), isDark: false });

function apply(): void {
  theme.isDark = theme.chosen === "dark" || (theme.chosen === "system" && DARK.matches);
  document.documentElement.dataset["theme"] = theme.isDark ? "dark" : "light";
}

export function choose(chosen: Theme): void {
  theme.chosen = chosen;
  if (chosen === "system") localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, chosen);
  apply();
}

DARK.addEventListener("change", apply);
apply();
