// Keeps the end of a list in view for as long as a person has not scrolled away from it.

/** How near to the end counts as there, in pixels. */
const NEAR = 90;

export class Follow {
  #scroller;
  #pinned = true;
  #last = 0;

  constructor(scroller) {
    this.#scroller = scroller;
    scroller.addEventListener("scroll", () => this.#scrolled());
    // Whatever grows above takes space from below.
    new ResizeObserver(() => this.#pinned && toEnd(scroller)).observe(scroller);
  }

  /** Carries out a change of the list, and goes to the end if that was in view. */
  around(change) {
    const moving = this.#moving();
    const follows = moving === this.#scroller ? this.#pinned : atEnd(moving);
    change();
    if (follows) toEnd(this.#moving());
  }

  /** Only going back leaves the end: a list that loses height is still followed. */
  #scrolled() {
    const { scrollTop } = this.#scroller;
    if (atEnd(this.#scroller)) this.#pinned = true;
    else if (scrollTop < this.#last) this.#pinned = false;
    this.#last = scrollTop;
  }

  end() {
    this.#pinned = true;
    toEnd(this.#scroller);
  }

  /** What scrolls: the list on a desk, the page on a phone. */
  #moving() {
    const own = getComputedStyle(this.#scroller).overflowY === "auto";
    return own ? this.#scroller : document.scrollingElement;
  }
}

const atEnd = ({ scrollHeight, scrollTop, clientHeight }) =>
  scrollHeight - scrollTop - clientHeight < NEAR;

const toEnd = (scroller) => (scroller.scrollTop = scroller.scrollHeight);
