"""Documents of every version of AsyncAPI, written after its specification: `order.placed` goes out, `order.wanted` comes in."""

V1 = """
asyncapi: '{version}'
info: {{title: Orders, version: '7', description: What is ordered.}}
baseTopic: shop
servers:
  - {{url: 'broker.example:9092', scheme: kafka, schemeVersion: '1.0', description: The bus}}
topics:
  order.placed:
    subscribe:
      $ref: '#/components/messages/placed'
  order.wanted:
    publish:
      payload: {{type: object}}
components:
  messages:
    placed:
      summary: An order was placed.
      tags: [{{name: shop}}]
      headers: {{type: object, properties: {{ce_source: {{type: string, enum: [/shop]}}}}, required: [ce_source]}}
      payload:
        type: object
        properties: {{order: {{$ref: '#/components/schemas/order'}}}}
      {example}
  schemas:
    order: {{type: object, properties: {{number: {{type: integer}}}}}}
  securitySchemes:
    password: {{type: userPassword, description: Ask us}}
"""

V2 = """
asyncapi: {version}
info: {{title: Orders, version: '7', description: What is ordered.}}
defaultContentType: application/json
servers:
  bus: {{url: 'broker.example:9092', protocol: kafka, protocolVersion: '1.0', description: The bus, security: [{{password: []}}]}}
channels:
  shop.order.placed:
    subscribe:
      bindings: {{kafka: {{}}}}
      message:
        $ref: '#/components/messages/placed'
  shop.order.wanted:
    publish:
      message:
        name: order.wanted
        payload: {{type: object}}
components:
  messages:
    placed:
      name: order.placed
      title: Order placed
      summary: An order was placed.
      tags: [{{name: shop}}]
      correlationId: {{location: $message.header#/ce_correlationid}}
      headers: {{type: object, properties: {{ce_source: {{type: string, const: /shop}}}}, required: [ce_source]}}
      payload:
        type: object
        properties: {{order: {{$ref: '#/components/schemas/order'}}}}
      examples:
        - payload: {{order: {{number: 1}}}}
  schemas:
    order: {{type: object, properties: {{number: {{type: integer}}}}}}
  securitySchemes:
    password: {{type: userPassword, description: Ask us}}
"""

V3 = """
asyncapi: {version}
info: {{title: Orders, version: '7', description: What is ordered.}}
defaultContentType: application/json
servers:
  bus:
    host: broker.example:9092
    protocol: kafka
    protocolVersion: '1.0'
    description: The bus
    security: [{{$ref: '#/components/securitySchemes/password'}}]
channels:
  orders:
    address: shop.order.placed
    messages:
      order.placed: {{$ref: '#/components/messages/placed'}}
  wishes:
    address: shop.order.wanted
    messages:
      order.wanted: {{payload: {{type: object}}}}
operations:
  place:
    action: send
    channel: {{$ref: '#/channels/orders'}}
    messages: [{{$ref: '#/channels/orders/messages/order.placed'}}]
    bindings: {{kafka: {{}}}}
  want:
    action: receive
    channel: {{$ref: '#/channels/wishes'}}
components:
  messages:
    placed:
      title: Order placed
      summary: An order was placed.
      tags: [{{name: shop}}]
      correlationId: {{location: $message.header#/ce_correlationid}}
      headers: {{type: object, properties: {{ce_source: {{type: string, const: /shop}}}}, required: [ce_source]}}
      payload:
        type: object
        properties: {{order: {{$ref: '#/components/schemas/order'}}}}
      examples:
        - payload: {{order: {{number: 1}}}}
  schemas:
    order: {{type: object, properties: {{number: {{type: integer}}}}}}
  securitySchemes:
    password: {{type: userPassword, description: Ask us}}
"""


def orders(version: str) -> str:
    """The document of a version, as YAML."""
    if version.startswith("1"):
        # Messages have an example since 1.1.
        return V1.format(version=version, example="" if version == "1.0.0" else "example: {order: {number: 1}}")
    return (V2 if version.startswith("2") else V3).format(version=version)
