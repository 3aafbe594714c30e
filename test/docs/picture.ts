import { isAfterCommit, PHASES, type Phase } from '../../src/domain/phase.ts';
import { STEPS } from '../../src/steps/index.ts';

const WIDTH = 820;
const ROW = 30;
const TOP = 44;

/** Who answers clients while a phase runs, and how that looks. */
function serving(phase: Phase): { readonly who: string; readonly colour: string } {
  if (isAfterCommit(phase)) return { who: 'target serves', colour: '#2f7d4f' };
  if (PHASES.indexOf(phase) < PHASES.indexOf('freeze')) return { who: 'source serves', colour: '#2b6cb0' };
  return { who: 'frozen', colour: '#b7791f' };
}

/** The steps of a move from the list that the program runs, as an SVG: who serves meanwhile, and where a failure leads. */
export function stepsPicture(): string {
  const rows = STEPS.map(({ phase, title, deadline }, index) => {
    const y = TOP + index * ROW;
    const first = STEPS[index - 1]?.phase !== phase;
    const flag = `--${deadline.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return [
      `<rect x="12" y="${y}" width="8" height="${ROW}" fill="${serving(phase).colour}"/>`,
      first ? text(34, y + 20, phase, 'font-weight="bold"') : '',
      text(130, y + 20, title),
      text(500, y + 20, flag, 'font-family="monospace" fill="#666"'),
      text(690, y + 20, isAfterCommit(phase) ? 'tried again' : 'back to the source', 'fill="#666"'),
    ].join('');
  });
  const bands = [...new Set(STEPS.map(({ phase }) => serving(phase)).map((each) => JSON.stringify(each)))]
    .map((each): ReturnType<typeof serving> => JSON.parse(each))
    .map(({ who, colour }, index) => {
      const x = 34 + index * 130;
      const y = TOP + STEPS.length * ROW + 16;
      return `<rect x="${x}" y="${y}" width="12" height="12" fill="${colour}"/>${text(x + 18, y + 11, who)}`;
    });
  const height = TOP + STEPS.length * ROW + 44;
  const head = [
    [34, 'phase'],
    [130, 'step'],
    [500, 'bounded by'],
    [690, 'if it fails'],
  ].map(([x, word]) => text(Number(x), 26, String(word), 'fill="#666"'));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<title>The steps of a move, who serves meanwhile, and where a failure leads</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${[...head, ...rows, ...bands].join('\n')}
</svg>
`;
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" ${more}>${safe}</text>`;
}
