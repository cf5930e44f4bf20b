/** HTML from templates in which every value is escaped unless it is HTML itself: what upstreams name may be hostile. */

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Html | readonly Html[] | undefined;

export const html = (parts: TemplateStringsArray, ...values: readonly Value[]): Html =>
  new Html(parts.map((part, index) => part + textOf(values[index])).join(''));

function textOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export interface Column {
  readonly title: string;
  /** Of numbers: they end at the right. */
  readonly number?: true;
}

export interface TableOptions {
  readonly id?: string;
  readonly caption: string;
  /** The first column names the row. */
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (string | Html)[])[];
  /** Said instead of a table without rows. */
  readonly empty: string;
}

/** On a narrow screen each row becomes a block, so the roles are said again: such a block is no row to a screen reader. */
export function table({ id, caption, columns, rows, empty }: TableOptions): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const cell = (value: string | Html, index: number) => {
    const { title = '', number } = columns[index] ?? {};
    const kind = number ? html` class="number"` : undefined;
    if (index === 0) return html`<th scope="row" role="rowheader" ${kind}>${value}</th>`;
    return html`<td role="cell" data-title="${title}" ${kind}>${value}</td>`;
  };
  const head = columns.map(
    ({ title, number }) =>
      html`<th scope="col" role="columnheader" ${number ? html` class="number"` : undefined}>${title}</th>`,
  );
  return html`<table role="table" ${id === undefined ? undefined : html` id="${id}"`}>
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${head}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (cells) =>
          html`<tr role="row">
            ${cells.map(cell)}
          </tr> `,
      )}
    </tbody>
  </table>`;
}
