// Saves what changes: soon after the last change, not later than a while after the first, one
// save at a time, and never something older over something newer.
export class Saver<T extends NonNullable<unknown>> {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private first = 0;
  private waiting: T | null = null;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(
    private readonly save: (value: T) => Promise<void>,
    private readonly soon = 2000,
    private readonly latest = 15_000,
  ) {}

  changed(value: T): void {
    if (this.stopped) return;
    const now = Date.now();
    if (this.waiting === null) this.first = now;
    this.waiting = value;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), Math.max(0, Math.min(this.soon, this.first + this.latest - now)));
  }

  /** Save now what has changed; resolves when it is done. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    while (this.running !== null) await this.running;
    const value = this.waiting;
    if (value === null) return;
    this.waiting = null;
    this.running = this.save(value).catch(() => {
      // It failed: it is saved with the next change, or when somebody asks again.
      if (this.waiting === null && !this.stopped) this.waiting = value;
    });
    await this.running;
    this.running = null;
  }

  /** Nothing more is saved; resolves when what runs is done. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.waiting = null;
    while (this.running !== null) await this.running;
  }
}
