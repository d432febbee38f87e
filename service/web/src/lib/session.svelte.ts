/** The session of the page. Its key becomes a cookie that no script can read. */
import { Problem, problemOf } from "./api";

/** How an address may end: with a key, or with a code for one that works once. */
const SIGN_INS = { key: "#key=", code: "#code=" } as const;

type SignIn = { key: string } | { code: string };

class Session {
  /** `asking` until it is known whether a key is needed; `choosing` if an address would replace an existing session. */
  state = $state<"asking" | "choosing" | "in" | "out">("asking");
  account = $state("");
  /** False if the installation needs no keys. */
  auth = $state(false);
  trouble = $state("");
  private offered: SignIn | null = null;

  /**
   * Signs in with the key or code at the end of the address, if there is one: `gatelab up` prints such an address. A user
   * who is signed in is asked first, since any page could link to such an address and make the user act as somebody else.
   */
  async begin(): Promise<void> {
    const offered = offer(location.hash);
    // Removes it from the address and from the browser's history.
    if (offered) history.replaceState(null, "", location.pathname + location.search);
    await this.look();
    if (!offered) return;
    if (this.state === "out") await this.enter(offered);
    else if (this.auth) {
      this.offered = offered;
      this.state = "choosing";
    }
  }

  /** Replaces the session by the one of the address. */
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
