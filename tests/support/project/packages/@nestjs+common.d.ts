/** The members of NestJS that the examples in the documents use. */
interface Provider {
  readonly provide: string;
  readonly useFactory: () => unknown;
}
export declare function Controller(path: string): ClassDecorator;
export declare function Get(): MethodDecorator;
export declare function Inject(token: string): ParameterDecorator;
export declare function Module(
  options: { controllers: readonly object[]; providers: readonly Provider[] },
): ClassDecorator;
