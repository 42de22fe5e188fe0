/** What tests load without a page: the parts that are pure functions of columns, view and settings. */
export {Columns} from './columns.ts';
export {drawPixels, Picture} from './heatmap.ts';
export {exposureAt} from './exposure.ts';
export {eventsAt} from './events.ts';
export {centreTick, Geometry} from './view.ts';
