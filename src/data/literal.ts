/** The Python literals that headers of .npy files consist of. */

/** A parsed literal; dictionaries are maps, tuples and lists arrays. */
export type Literal = string | number | boolean | null | readonly Literal[] | ReadonlyMap<Literal, Literal>;

const MAX_DEPTH = 16;
const TOKEN = /\s*(?:([{}[\]():,])|'([^'\\\n]*)'|"([^"\\\n]*)"|(-?\d+)L?|([A-Za-z]\w*))/y;
const NAMES = new Map<string, boolean | null>([
  ['True', true],
  ['False', false],
  ['None', null],
]);

/**
 * Parses one literal of dictionaries, tuples, lists, plain strings, whole numbers, True, False and None.
 *
 * @throws SyntaxError where the text is anything else.
 */
export function parseLiteral(text: string): Literal {
  const tokens = tokenise(text);
  let at = 0;
  const isNext = (mark: string): boolean => tokens[at]?.mark === mark;
  const expect = (mark: string): void => {
    if (!isNext(mark)) throw new SyntaxError(`expected ${mark}`);
    at++;
  };
  /** Elements up to the closing mark, with or without a last comma; tells whether there was a comma. */
  const elements = (close: string, element: () => void): boolean => {
    let comma = false;
    while (!isNext(close)) {
      element();
      if (isNext(close)) break;
      expect(',');
      comma = true;
    }
    at++;
    return comma;
  };
  const value = (depth: number): Literal => {
    const token = tokens[at++];
    if (!token || depth > MAX_DEPTH) throw new SyntaxError(token ? 'nested too deeply' : 'the text ends too early');
    if (token.value !== undefined) return token.value;
    const list: Literal[] = [];
    switch (token.mark) {
      case '{': {
        const map = new Map<Literal, Literal>();
        elements('}', () => {
          const key = value(depth + 1);
          expect(':');
          map.set(key, value(depth + 1));
        });
        return map;
      }
      case '[':
        elements(']', () => list.push(value(depth + 1)));
        return list;
      case '(': {
        const comma = elements(')', () => list.push(value(depth + 1)));
        return list.length === 1 && !comma ? list[0] : list;
      }
      default:
        throw new SyntaxError(`unexpected ${token.mark}`);
    }
  };
  const parsed = value(0);
  if (at < tokens.length) throw new SyntaxError('more text follows the value');
  return parsed;
}

interface Token {
  readonly mark?: string;
  readonly value?: string | number | boolean | null;
}

function tokenise(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(`unexpected text at character ${at}`);
    const [, mark, single, double, number, name] = match;
    if (name !== undefined && !NAMES.has(name)) throw new SyntaxError(`unknown name ${name}`);
    if (mark) tokens.push({ mark });
    else if (name !== undefined) tokens.push({ value: NAMES.get(name) });
    else tokens.push({ value: number === undefined ? (single ?? double) : Number(number) });
  }
  return tokens;
}
