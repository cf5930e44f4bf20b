/** Why a test of the lab is skipped; false when it is not. With CI set none is: what needs something that is missing fails. */
export const unless = (has: boolean, reason: string): string | false =>
  has || process.env.CI !== undefined ? false : `skipped: ${reason}`;
