/**
 * The playback's connection. Rows of a place that was left behind are dropped here: after a seek nothing
 * passes until the service says that the new place begins. A lost connection is tried again, from the
 * window after the last one that came, ever more slowly up to five seconds.
 */
export interface State {
  playing: boolean;
  speed: number | 'max';
  next_window_end_ts_ns: string | null;
}

export interface Listener {
  rows(bytes: Uint8Array): void;
  state(state: State): void;
  gap(lastTs: string, windows: number): void;
  end(): void;
  open(): void;
  lost(reason: string): void;
  /** The address to connect to now, or null to wait. */
  address(): URLSearchParams;
}

interface Message extends State {
  type: 'hello' | 'state' | 'gap' | 'end' | 'error';
  id?: number;
  last_window_end_ts_ns: string;
  windows: number;
  message: string;
}

const LONGEST_WAIT_MS = 5_000;

export class Stream {
  private socket: WebSocket | null = null;
  private wait = 250;
  private timer = 0;
  private asked = 0;
  private awaited = 0;

  constructor(private readonly listener: Listener) {}

  connect(): void {
    this.close();
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/v1/hud/stream?${this.listener.address()}`);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.awaited = 0;
    socket.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      if (socket === this.socket) this.take(event.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      this.listener.lost(event.reason);
      this.timer = window.setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(LONGEST_WAIT_MS, this.wait * 2);
    };
  }

  close(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(control: {type: string; speed?: number | 'max'; ts_ns?: string}): void {
    if (!this.isOpen) return;
    this.asked++;
    if (control.type === 'seek') this.awaited = this.asked;
    this.socket!.send(JSON.stringify({...control, id: this.asked}));
  }

  private take(data: ArrayBuffer | string): void {
    if (typeof data !== 'string') {
      if (!this.awaited) this.listener.rows(new Uint8Array(data));
      return;
    }
    const message = JSON.parse(data) as Message;
    if (message.id !== undefined && message.id === this.awaited) this.awaited = 0;
    if (message.type === 'hello') {
      this.wait = 250;
      this.listener.open();
    } else if (this.awaited) {
      return;
    } else if (message.type === 'state') this.listener.state(message);
    else if (message.type === 'gap') this.listener.gap(message.last_window_end_ts_ns, message.windows);
    else if (message.type === 'end') this.listener.end();
  }
}
