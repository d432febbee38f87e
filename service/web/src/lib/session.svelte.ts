/** Who the page asks as. Its key becomes a cookie that no script can read. */
import { Problem, problemOf } from "./api";

const KEY = "#key=";

class Session {
  /** `asking` until it is known whether a key is needed. */
  state = $state<"asking" | "in" | "out">("asking");
  account = $state("");
  /** False where the installation asks nobody for a key. */
  auth = $state(false);
  trouble = $state("");

  /** Signs in with the key in the address, if there is one: `gatelab up` prints such an address. */
  async begin(): Promise<void> {
    const key = location.hash.startsWith(KEY) ? decodeURIComponent(location.hash.slice(KEY.length)) : "";
    if (key) {
      // Out of sight, and out of the browser's history.
      history.replaceState(null, "", location.pathname + location.search);
      await this.enter(key);
    } else await this.look();
  }

  async enter(key: string): Promise<void> {
    this.trouble = "";
    try {
      await ask("POST", { key });
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

async function ask(method: string, body?: { key: string }): Promise<Response> {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch("/v1/login", { method, ...sent });
  if (!answer.ok) throw problemOf(answer.status, await answer.json().catch(() => null));
  return answer;
}

export const session = new Session();
