interface Place {
  readonly context: string;
  readonly node: string;
}

interface Account {
  readonly from: Place;
  readonly to: Place;
  readonly longestGapMs: number;
  readonly acknowledged: number;
  readonly lost: number;
}

/** The last line of the demo: what the client saw, and what became of its writes. Pure. */
export function demoLine({ from, to, longestGapMs, acknowledged, lost }: Account): string {
  const way = `${from.context}/${from.node} -> ${to.context}/${to.node}`;
  return `moved redis ${way}: down ${Math.round(longestGapMs)} ms, ${acknowledged} writes acknowledged, ${lost} lost\n`;
}
