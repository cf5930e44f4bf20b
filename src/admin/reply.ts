/** What the parts of the admin port answer with; server.ts writes it. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  /** Besides, or instead of, those that every reply has. */
  readonly headers?: Readonly<Record<string, string>>;
}
