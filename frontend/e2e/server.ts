/** The running server that the tests are given, by the link that it printed at its start. */

const link = process.env.TESTS_SIGN_IN_LINK;
if (!link) throw new Error("TESTS_SIGN_IN_LINK is the link that a fresh server printed.");

export const SIGN_IN_LINK = link;
export const ORIGIN = new URL(link).origin;
export const TOKEN = new URLSearchParams(new URL(link).hash.slice(1)).get("token") ?? "";
