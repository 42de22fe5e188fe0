/** The cell under the cursor in numbers: exactly the lake's, of the window's end or within it. */
import {ASK, BID, type Columns} from './columns.ts';
import {clock, count, price, share} from './words.ts';

/** Words of the cell, row by row: a title alone, or name, bid, ask. */
export function cellRows(columns: Columns, index: number, tick: number): string[][] {
  const title = [`${price(tick, columns.tickInt)}   ${clock(columns.timestamp(index))} NY`];
  const slot = columns.slot(index);
  if (slot < 0) return [title, ['not in memory']];
  const item = columns.item(slot, tick);
  if (item < 0) return [title, ['beyond the reach of this second']];
  const {depth_qty_end, depth_qty_rest, order_count_end, largest_order_qty, add_qty, pull_qty_total, fill_qty, executed_qty, refreshed_qty} = columns.quantities;
  const {vacuum_score, liquidity_velocity} = columns.rates;
  const quantity = (name: string, of: [Int32Array, Int32Array]) => [name, count(of[BID][item]), count(of[ASK][item])];
  const rate = (name: string, of: [Float32Array, Float32Array]) => [name, share(of[BID][item]), share(of[ASK][item])];
  const rows = [
    title, ['', 'bid', 'ask'], quantity('depth', depth_qty_end), quantity('rested', depth_qty_rest),
    quantity('orders', order_count_end), quantity('largest', largest_order_qty), quantity('add', add_qty), quantity('pull', pull_qty_total),
    quantity('fill', fill_qty), quantity('traded', executed_qty), quantity('hidden', refreshed_qty), rate('vacuum', vacuum_score), rate('velocity', liquidity_velocity),
  ];
  return columns.valid[slot] ? rows : [title, ['book not valid'], ...rows.slice(1)];
}

/** Show the words beside the cell at x, y, within the picture's width and height: CSS pixels all. */
export function showCell(element: HTMLElement, rows: string[][] | null, [x, y]: [number, number], [width, height]: [number, number]): void {
  element.hidden = rows === null;
  if (!rows) return;
  element.replaceChildren(...rows.flatMap((row) => row.map((text, i) => {
    const cell = document.createElement(row.length > 1 && i ? 'dd' : 'dt');
    if (row.length === 1) cell.className = 'wide';
    else cell.dataset.cell = i ? `${row[0]} ${i === 1 ? 'bid' : 'ask'}` : '';
    cell.textContent = text;
    return cell;
  })));
  const box = element.getBoundingClientRect();
  const left = x + 18 + box.width > width ? x - 18 - box.width : x + 18;
  const top = Math.max(4, Math.min(height - box.height - 4, y + 18));
  element.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
}
