"""The masked-loss LSTM: layers, loss, options and export."""
