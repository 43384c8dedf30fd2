// Whatever the page writes as text is written printable: in one place, under all components, so that no name of a stranger can
// turn the direction of reading or hide something anywhere.
import { options } from 'preact'
import { printable } from '../../base/printable.ts'

const readOut = ['aria-label', 'title', 'placeholder', 'label'] as const

/** Preact hands every piece of text through here as a node whose properties are the text. */
export function escapeAllText(): void {
  const before = options.vnode
  options.vnode = vnode => {
    const node = vnode as { props: unknown }
    if (typeof node.props === 'string') node.props = printable(node.props)
    else if (typeof node.props === 'object' && node.props !== null) {
      const props = node.props as Record<string, unknown>
      for (const name of readOut) if (typeof props[name] === 'string') props[name] = printable(props[name])
    }
    before?.(vnode)
  }
}
