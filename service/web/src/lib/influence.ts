/** The influences of the inputs on a hidden state, in words. */

export interface Input {
  at: number;
  token: string;
  /** Null if it is not finite. */
  norm: number | null;
}

/** At most this many steps count as few. */
const FEW = 5;
/** Together they carry nearly all influence. */
const NEARLY_ALL = 0.95;

/** The few steps that carry nearly all influence, with their share of the sum of all norms; null if more are needed. */
export function carriers(inputs: readonly Input[]): { steps: Input[]; share: number } | null {
  const known = inputs.filter((input) => input.norm);
  const whole = known.reduce((sum, input) => sum + input.norm!, 0);
  const steps: Input[] = [];
  let share = 0;
  for (const input of known.toSorted((a, b) => b.norm! - a.norm!).slice(0, FEW)) {
    steps.push(input);
    share += input.norm! / whole;
    if (share >= NEARLY_ALL || steps.length === known.length) {
      return { steps: steps.toSorted((a, b) => a.at - b.at), share: Math.min(1, share) };
    }
  }
  return null;
}

/** `only step 4 (t) counts` and the like, as a sentence. */
export function inWords(inputs: readonly Input[], visible: (token: string) => string): string {
  const counting = inputs.filter((input) => input.norm !== 0);
  if (!counting.length) return "No input has any influence.";
  if (counting.some((input) => input.norm === null)) return "Some influences are not finite numbers.";
  const found = carriers(inputs);
  if (!found) return "The influence is spread over many steps.";
  const one = found.steps.length === 1;
  const names = found.steps.map((input) => `${input.at} (${visible(input.token)})`).join(", ");
  if (found.steps.length === counting.length && found.steps.length < inputs.length)
    return `Only ${one ? `step ${names} has` : `steps ${names} have`} any influence.`;
  if (found.steps.length === inputs.length) return "";
  return `${one ? `Step ${names} carries` : `Steps ${names} carry`} ${Math.floor(100 * found.share)} % of all influence.`;
}

/** Heights of bars from 0 to 1. On a logarithmic scale, the smallest positive value has 1/20, and zero has 0. */
export function heights(norms: readonly (number | null)[], logarithmic: boolean): (number | null)[] {
  const known = norms.filter((norm): norm is number => norm !== null && norm > 0);
  const [least, greatest] = [Math.min(...known), Math.max(...known)];
  const span = Math.log(greatest / least);
  return norms.map((norm) => {
    if (norm === null || norm === 0) return norm;
    if (!logarithmic) return norm / greatest;
    return span ? 0.05 + (0.95 * Math.log(norm / least)) / span : 1;
  });
}
