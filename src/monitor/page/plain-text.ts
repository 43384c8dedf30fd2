// Whatever the page writes as text is written printable: in one place, under all components, so that no name of a stranger can
// turn the direction of reading or hide something anywhere.
import { options } from 'preact'
import { printable } from '../../base/printable.ts'

const read = ['aria-label', 'title', 'aria-description', 'aria-valuetext', 'label'] as const

export function escapeAllText(): void {
  const before = options.vnode
  options.vnode = vnode => {
    const props = vnode.props as Record<string, unknown>
    if ('children' in props) props['children'] = printableChildren(props['children'])
    for (const name of read) if (typeof props[name] === 'string') props[name] = printable(props[name])
    before?.(vnode)
  }
}

function printableChildren(children: unknown): unknown {
  if (typeof children === 'string') return printable(children)
  return Array.isArray(children) ? children.map(printableChildren) : children
}
