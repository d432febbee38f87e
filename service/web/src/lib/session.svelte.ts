/** Who the page asks as. Its key becomes a cookie that no script can read. */
import { Problem, problemOf } from "./api";

/** What an address may end in: a key, or a code that is good once and stands for one. */
const SIGN_INS = { key: "#key=", code: "#code=" } as const;

type SignIn = { key: string } | { code: string };

class Session {
  /** `asking` until it is known whether a key is needed; `choosing` where an address would end a session that there is. */
  state = $state<"asking" | "choosing" | "in" | "out">("asking");
  account = $state("");
  /** False where the installation asks nobody for a key. */
  auth = $state(false);
  trouble = $state("");
  private offered: SignIn | null = null;

  /**
   * Signs in with what the address ends in, if anything: `gatelab up` prints such an address. Who is signed in already is
   * asked first, since anybody's page may lead to such an address, and what is done next would be done as somebody else.
   */
  async begin(): Promise<void> {
    const offered = offer(location.hash);
    // Out of sight, and out of the browser's history.
    if (offered) history.replaceState(null, "", location.pathname + location.search);
    await this.look();
    if (!offered) return;
    if (this.state === "out") await this.enter(offered);
    else if (this.auth) {
      this.offered = offered;
      this.state = "choosing";
    }
  }

  /** Ends the present session for the one that the address offers. */
  async change(): Promise<void> {
    if (this.offered) await this.enter(this.offered);
    this.offered = null;
  }

  stay(): void {
    this.offered = null;
    this.state = "in";
  }

  async enter(by: SignIn): Promise<void> {
    this.trouble = "";
    try {
      await ask("POST", by);
    } catch (error) {
      this.trouble = Problem.from(error).message;
    }
    await this.look();
  }

  async leave(): Promise<void> {
    await ask("DELETE").catch(() => undefined);
    await this.look();
  }

  private async look(): Promise<void> {
    try {
      const told = (await (await ask("GET")).json()) as { auth: boolean; account: { account: string } | null };
      this.auth = told.auth;
      this.account = told.account?.account ?? "";
      this.state = told.account ? "in" : "out";
    } catch (error) {
      this.trouble = Problem.from(error).message;
      this.state = "out";
    }
  }
}

async function ask(method: string, body?: SignIn): Promise<Response> {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch("/v1/login", { method, ...sent });
  if (!answer.ok) throw problemOf(answer.status, await answer.json().catch(() => null));
  return answer;
}

function offer(hash: string): SignIn | null {
  for (const [kind, start] of Object.entries(SIGN_INS)) {
    if (!hash.startsWith(start)) continue;
    const given = decoded(hash.slice(start.length));
    return kind === "key" ? { key: given } : { code: given };
  }
  return null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const session = new Session();
