/** Light, dark, or the setting of the system. */

export type Theme = "system" | "light" | "dark";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");

class Appearance {
  theme = $state<Theme>((document.documentElement.dataset.theme as Theme | undefined) ?? "system");
  systemDark = $state(system.matches);
  readonly dark = $derived(this.theme === "dark" || (this.theme === "system" && this.systemDark));

  next(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]!;
    document.documentElement.dataset.theme = this.theme;
    localStorage.setItem("theme", this.theme);
  }
}

export const appearance = new Appearance();
system.addEventListener("change", () => (appearance.systemDark = system.matches));
