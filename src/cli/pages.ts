/** All pages of a list, one after the other. */
export async function* pages<Page extends { readonly nextPageToken: string }>(
  ask: (pageToken: string) => Promise<Page>,
): AsyncGenerator<Page> {
  let token = '';
  do {
    const page = await ask(token);
    yield page;
    token = page.nextPageToken;
  } while (token !== '');
}
