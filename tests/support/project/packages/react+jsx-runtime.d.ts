/** What the compiler uses of React for JSX. */
export declare namespace JSX {
  type Element = object;
  interface IntrinsicElements {
    readonly button: { readonly onClick: () => unknown; readonly children: string };
    readonly p: { readonly children: number };
  }
  interface ElementChildrenAttribute {
    readonly children: unknown;
  }
}
