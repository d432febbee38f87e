/** The view of each address. All but the first are loaded on first use. */
import type { Component } from "svelte";
import Jobs from "../views/jobs/Jobs.svelte";

export interface View {
  title: string;
  /** The entry of the navigation that it belongs to. */
  section: string;
  load: () => Promise<{ default: Component<{ id: string }> | Component<Record<string, never>> }>;
}

const VIEWS: readonly [RegExp, View][] = [
  [/^\/$/, { title: "Jobs", section: "/", load: async () => ({ default: Jobs }) }],
  [/^\/submit$/, { title: "New job", section: "/", load: () => import("../views/submit/Submit.svelte") }],
  [/^\/jobs\/([^/]+)$/, { title: "Job", section: "/", load: () => import("../views/job/Job.svelte") }],
  [/^\/runs\/([^/]+)$/, { title: "Run", section: "/", load: () => import("../views/run/Run.svelte") }],
  [/^\/compare$/, { title: "Compare", section: "/compare", load: () => import("../views/compare/Compare.svelte") }],
  [
    /^\/playground$/,
    { title: "Playground", section: "/playground", load: () => import("../views/playground/Playground.svelte") },
  ],
  [/^\/gates$/, { title: "Gates", section: "/gates", load: () => import("../views/gates/GateLab.svelte") }],
  [/^\/cells$/, { title: "Cells", section: "/cells", load: () => import("../views/cells/Cells.svelte") }],
  [/^\/corpora$/, { title: "Corpora", section: "/corpora", load: () => import("../views/corpora/Corpora.svelte") }],
  [
    /^\/corpora\/([^/]+)$/,
    { title: "Corpus", section: "/corpora", load: () => import("../views/corpora/Corpus.svelte") },
  ],
];

export const SECTIONS: readonly { path: string; name: string }[] = [
  { path: "/", name: "Jobs" },
  { path: "/compare", name: "Compare" },
  { path: "/playground", name: "Playground" },
  { path: "/gates", name: "Gates" },
  { path: "/cells", name: "Cells" },
  { path: "/corpora", name: "Corpora" },
];

export function viewAt(path: string): { view: View; id: string } | null {
  for (const [pattern, view] of VIEWS) {
    const match = pattern.exec(path);
    if (match) return { view, id: decodeURIComponent(match[1] ?? "") };
  }
  return null;
}
