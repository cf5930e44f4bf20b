/** Numbers of things: `1 blob`, `2 misses`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
