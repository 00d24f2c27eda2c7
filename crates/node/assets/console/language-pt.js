// @ts-check
// Portuguese.

/** @type {Record<string, string>} */
export const portuguese = {
  'connecting…': 'a ligar…', You: 'Nome', name: 'nome', 'Help ?': 'Ajuda ?', Find: 'Procurar', 'id, reference, street, skill ( / )': 'id, referência, rua, aptidão ( / )',
  Work: 'Trabalho', Vehicles: 'Veículos', Changes: 'Alterações', Roads: 'Ruas', Refused: 'Recusados', Unassigned: 'Sem veículo', 'Refused facts': 'Factos recusados', 'also what is acknowledged or snoozed': 'também o que foi visto ou adiado',
  'What changed in the last': 'O que mudou nos últimos', '5 minutes': '5 minutos', '15 minutes': '15 minutos', hour: 'hora', 'Close a street on the map': 'Fechar uma rua no mapa', 'Draw a line': 'Desenhar uma linha', 'Draw an area': 'Desenhar uma área',
  'or by name': 'ou pelo nome', "part of a street's name": 'parte do nome de uma rua', for: 'durante', '1 hour': '1 hora', '2 hours': '2 horas', '4 hours': '4 horas', '8 hours': '8 horas', 'until it is reopened': 'até ser reaberta', 'Closed and slowed': 'Fechadas e lentas',
  Map: 'Mapa', 'Orders as a table': 'Encomendas em tabela', Timeline: 'Cronograma', 'Add an order': 'Nova encomenda', 'Other routes': 'Outras rotas', Follow: 'Seguir', 'Whole fleet': 'Toda a frota', Replay: 'Rever', Play: 'Reproduzir', Speed: 'Velocidade', 'Back to live': 'Voltar ao vivo',
  Filter: 'Filtrar', 'id, reference, vehicle, status': 'id, referência, veículo, estado', Status: 'Estado', all: 'todas', unassigned: 'sem veículo', assigned: 'atribuída', 'on board': 'a bordo', open: 'aberta', late: 'atrasada', 'Save as CSV': 'Guardar como CSV',
  Legend: 'Legenda', 'under way: will not change': 'a caminho: não muda', planned: 'planeado', 'the route that you look at': 'a rota escolhida', 'vehicle ▲ driving ■ at stop ● waiting ✕ lost': 'veículo ▲ a conduzir ■ na paragem ● à espera ✕ avariado', 'open stop, thick when pinned': 'paragem aberta, grossa quando fixada',
  'road closed': 'rua fechada', 'road slowed': 'rua lenta', drive: 'condução', wait: 'espera', service: 'serviço', break: 'pausa', done: 'feito', 'What happened': 'O que aconteceu', Lists: 'Listas', Card: 'Ficha', Keys: 'Teclas', 'Close (Esc)': 'Fechar (Esc)', Settings: 'Definições',
  'late now': 'atrasada agora', 'late within 60 min': 'atrasada em 60 min', 'late after that': 'atrasada depois', failed: 'falhada', silent: 'em silêncio', refused: 'recusado', conflicting: 'contraditório', 'moved 10 min': 'mudou 10 min', alerts: 'alertas', 'Nothing waits for you.': 'Nada espera por si.',
  'Move to…': 'Mover para…', 'Priority…': 'Prioridade…', 'Cancel order': 'Cancelar encomenda', 'New appointment': 'Nova marcação', 'Broken down': 'Avariado', 'It works again': 'Funciona de novo', 'End shift now': 'Terminar o turno', 'Start shift': 'Começar o turno', 'Print route': 'Imprimir a rota',
  Acknowledge: 'Visto', 'Snooze 15 min': 'Adiar 15 min', 'Clear the note': 'Retirar a nota', Ack: 'Visto', Clear: 'Retirar', Send: 'Enviar', 'Cancel (Esc)': 'Cancelar (Esc)', 'Trying it on a copy…': 'A experimentar numa cópia…', 'No order changes.': 'Nenhuma encomenda muda.',
  'on time': 'a horas', served: 'servidas', 'events/s': 'eventos/s', 'changes/h': 'alterações/h', 'event → plan p50 / p99': 'evento → plano p50 / p99', Language: 'Língua', Clock: 'Relógio', Distances: 'Distâncias', miles: 'milhas',
  map: 'mapa', timeline: 'cronograma', preview: 'antevisão', orders: 'encomendas', close: 'fechar', lists: 'listas', views: 'vistas', 'kinds of work': 'tipos de trabalho', 'work, the most urgent first': 'trabalho, o mais urgente primeiro', 'key figures': 'números',
};
