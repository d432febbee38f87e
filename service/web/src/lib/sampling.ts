/** The sampling options of the page, and their description for texts. */

/** The default temperature: low enough for mostly real words, high enough not to repeat one word forever. */
export const TEMPERATURE = 0.6;

/** How the characters of a sample were chosen, in a sentence. */
export function howChosen(temperature: number): string {
  if (temperature > 0) return `Sampled at temperature ${temperature}.`;
  return "Greedy: always the likeliest character, so it soon repeats itself. At a higher temperature, the text varies more.";
}

type Fields = Readonly<Record<string, unknown>>;

/** The temperature of the samples in a spec, some of whose paths `values` changes; null: unknown. */
export function temperatureIn(spec: object | null, values: Fields): number | null {
  if (spec === null) return null;
  for (const path of ["training.sample.temperature", "training.sample", "training"]) {
    if (path in values) return within(values[path], "training.sample.temperature".slice(path.length + 1));
  }
  return within(spec, "training.sample.temperature");
}

function within(from: unknown, path: string): number {
  const fields = path ? path.split(".") : [];
  const found = fields.reduce<unknown>((value, field) => (value as Fields | null | undefined)?.[field], from);
  return typeof found === "number" ? found : 0;
}

/** How several samples were chosen. */
export function howAll(temperatures: readonly (number | null)[]): string {
  const [first] = temperatures;
  if (first !== null && first !== undefined && temperatures.every((one) => one === first)) return howChosen(first);
  const greedy = temperatures.filter((one) => one === 0).length;
  return greedy ? `${greedy} of these are greedy: always the likeliest character.` : "";
}
