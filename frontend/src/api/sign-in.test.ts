import { describe, expect, it } from "vitest";

import { SignedOut } from "./errors";
import { type Refresh, SignIn, type Tokens } from "./sign-in";

const MINUTE_MS = 60_000;

const tokens = (number: number, endsAt: number): Tokens => ({
  __typename: "SignedIn",
  accessToken: `access-${number}`,
  accessExpiresAt: new Date(endsAt).toISOString(),
  refreshToken: `refresh-${number}`,
  user: { __typename: "User", id: "usr_1", email: "ada@example.com" },
});

function signedIn({ cookie = false } = {}) {
  const asked: (string | undefined)[] = [];
  const clock = { now: 0 };
  const refresh: Refresh = async (token) => tokens(asked.push(token) + 1, clock.now + 30 * MINUTE_MS);
  const signIn = new SignIn(refresh, { cookie, now: () => clock.now });
  signIn.accept(tokens(1, 30 * MINUTE_MS));
  return { signIn, asked, clock };
}

describe("a sign-in", () => {
  it("has no token before somebody signs in", async () => {
    const signIn = new SignIn(() => Promise.reject(new Error("asked")), { cookie: false });

    expect(await signIn.accessToken()).toBeUndefined();
  });

  it("keeps its token until a minute before the end", async () => {
    const { signIn, asked, clock } = signedIn();

    clock.now = 29 * MINUTE_MS - 1;
    expect(await signIn.accessToken()).toBe("access-1");
    clock.now += 1;
    expect(await signIn.accessToken()).toBe("access-2");
    expect(asked).toEqual(["refresh-1"]);
  });

  it("refreshes once for all who ask at the same time", async () => {
    const { signIn, asked, clock } = signedIn();
    clock.now = 30 * MINUTE_MS;

    const got = await Promise.all([signIn.accessToken(), signIn.accessToken(), signIn.renewed("access-1")]);

    expect(got).toEqual(["access-2", "access-2", "access-2"]);
    expect(asked).toHaveLength(1);
  });

  it("does not refresh again for a token that was replaced meanwhile", async () => {
    const { signIn, asked } = signedIn();

    await signIn.renewed("access-1");

    expect(await signIn.renewed("access-1")).toBe("access-2");
    expect(asked).toHaveLength(1);
  });

  it("asks for a new token once the present one is distrusted", async () => {
    const { signIn } = signedIn();

    signIn.distrust();

    expect(await signIn.accessToken()).toBe("access-2");
    expect(await signIn.accessToken()).toBe("access-2");
  });

  it("leaves the refresh token to the browser's cookie", async () => {
    const { signIn, asked } = signedIn({ cookie: true });

    signIn.distrust();
    await signIn.accessToken();

    expect(asked).toEqual([undefined]);
  });

  it("uses a new token for a while, however wrong the clock is", async () => {
    const { signIn, asked, clock } = signedIn();
    clock.now = 100 * MINUTE_MS;
    signIn.accept(tokens(7, 30 * MINUTE_MS));

    expect(await signIn.accessToken()).toBe("access-7");
    expect(asked).toEqual([]);
  });

  it("is over when the server refuses to refresh", async () => {
    const signIn = new SignIn(
      async () => ({ __typename: "Invalid", message: "This sign-in has ended." }),
      { cookie: false },
    );
    signIn.accept(tokens(1, 0));
    signIn.distrust();

    await expect(signIn.accessToken()).rejects.toThrow(SignedOut);
    expect(signIn.user).toBeUndefined();
    expect(await signIn.restore()).toBeUndefined();
  });

  it("tries again after a failure that passes", async () => {
    let fails = true;
    const signIn = new SignIn(
      async () => {
        if (fails) throw new Error("away");
        return tokens(2, 0);
      },
      { cookie: true },
    );

    await expect(signIn.restore()).rejects.toThrow("away");
    fails = false;
    expect((await signIn.restore())?.email).toBe("ada@example.com");
  });
});
